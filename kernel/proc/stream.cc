#include "kernel/proc/stream.h"

#include <unistd.h>

#include <cstring>
#include <mutex>

#include "syscalls/codec/text.h"

namespace phios {

namespace {

constexpr size_t kReadBytes = 4096;

class FdOutput final : public OutputStream, public std::enable_shared_from_this<FdOutput> {
 public:
  FdOutput(Runtime& runtime, int fd, bool owned) : runtime_(runtime), fd_(fd), owned_(owned) {}
  ~FdOutput() override {
    if (owned_) close(fd_);
  }
  void write_line(std::string line, PendingRef call) override {
    auto text = std::make_shared<std::string>(std::move(line));
    text->push_back('\n');
    write_rest(std::move(text), 0, std::move(call));
  }

 private:
  void write_rest(std::shared_ptr<std::string> text, size_t from, PendingRef call) {
    const auto bytes = std::as_bytes(std::span(*text)).subspan(from);
    runtime_.async_write(fd_, bytes, -1, kNever,
                         [self = shared_from_this(), text, from, call](Result<size_t> n) {
                           if (!n) return call->answer(std::unexpected(n.error()));
                           if (from + *n < text->size()) return self->write_rest(text, from + *n, call);
                           call->answer(Reply{});
                         });
  }
  Runtime& runtime_;
  int fd_;
  bool owned_;
};

// One read is under way at a time; whoever asks meanwhile waits in line.
class FdInput final : public InputStream, public std::enable_shared_from_this<FdInput> {
 public:
  FdInput(Runtime& runtime, int fd, bool owned) : runtime_(runtime), fd_(fd), owned_(owned) {}
  ~FdInput() override {
    if (owned_) close(fd_);
  }
  void read_line(PendingRef call) override {
    {
      std::lock_guard lock(mutex_);
      readers_.push_back(std::move(call));
    }
    serve();
  }

 private:
  void serve() {
    for (;;) {
      PendingRef call;
      Result<Reply> answer = Reply{};
      {
        std::lock_guard lock(mutex_);
        while (!readers_.empty() && readers_.front()->done()) readers_.erase(readers_.begin());
        if (readers_.empty()) return;
        const size_t newline = text_.find('\n');
        if (newline == std::string::npos && !at_end_ && text_.size() < PHI_CELL_MAX) {
          start_reading();
          return;
        }
        if (newline == std::string::npos && at_end_ && text_.empty()) {
          answer = fail(ErrorCode::ENOENT_, "end of input");
        } else {
          const size_t length = newline == std::string::npos ? text_.size() : newline;
          std::string line = text_.substr(0, length);
          text_.erase(0, newline == std::string::npos ? length : length + 1);
          answer = is_utf8(line) ? Result<Reply>(Reply{{std::move(line)}})
                                 : fail(ErrorCode::EINVAL_, "standard input: the line is not UTF-8");
        }
        call = std::move(readers_.front());
        readers_.erase(readers_.begin());
      }
      call->answer(std::move(answer));
    }
  }

  void start_reading() {
    if (reading_) return;
    reading_ = true;
    runtime_.async_read(fd_, std::as_writable_bytes(std::span(buffer_)), -1, kNever,
                        [self = shared_from_this()](Result<size_t> n) {
                          {
                            std::lock_guard lock(self->mutex_);
                            self->reading_ = false;
                            if (n && *n > 0) {
                              self->text_.append(self->buffer_, *n);
                            } else {
                              self->at_end_ = true;
                            }
                          }
                          self->serve();
                        });
  }

  Runtime& runtime_;
  int fd_;
  bool owned_;
  std::mutex mutex_;  // guards what follows
  std::vector<PendingRef> readers_;
  std::string text_;
  char buffer_[kReadBytes];
  bool reading_ = false, at_end_ = false;
};

class NullOutput final : public OutputStream {
 public:
  void write_line(std::string, PendingRef call) override { call->answer(Reply{}); }
};

class TextInput final : public InputStream {
 public:
  explicit TextInput(std::string text) : text_(std::move(text)) {}
  void read_line(PendingRef call) override {
    Result<Reply> answer = fail(ErrorCode::ENOENT_, "end of input");
    {
      std::lock_guard lock(mutex_);
      if (from_ < text_.size()) {
        const size_t newline = std::min(text_.find('\n', from_), text_.size());
        answer = Reply{{text_.substr(from_, newline - from_)}};
        from_ = newline + 1;
      }
    }
    call->answer(std::move(answer));
  }

 private:
  std::mutex mutex_;  // guards what follows
  std::string text_;
  size_t from_ = 0;
};

class ChannelOutput final : public OutputStream {
 public:
  explicit ChannelOutput(ChannelRef channel) : channel_(std::move(channel)) { channel_->add_writer(); }
  ~ChannelOutput() override { channel_->drop_writer(); }
  void write_line(std::string line, PendingRef call) override {
    channel_->send(std::move(line), std::move(call));
  }

 private:
  ChannelRef channel_;
};

class ChannelInput final : public InputStream {
 public:
  explicit ChannelInput(ChannelRef channel) : channel_(std::move(channel)) {}
  void read_line(PendingRef call) override { channel_->receive(std::move(call)); }

 private:
  ChannelRef channel_;
};

}  // namespace

OutputRef make_fd_output(Runtime& runtime, int fd, bool owned) {
  return std::make_shared<FdOutput>(runtime, fd, owned);
}
InputRef make_fd_input(Runtime& runtime, int fd, bool owned) {
  return std::make_shared<FdInput>(runtime, fd, owned);
}
OutputRef make_null_output() { return std::make_shared<NullOutput>(); }
InputRef make_text_input(std::string text) { return std::make_shared<TextInput>(std::move(text)); }
OutputRef make_channel_output(ChannelRef channel) {
  return std::make_shared<ChannelOutput>(std::move(channel));
}
InputRef make_channel_input(ChannelRef channel) { return std::make_shared<ChannelInput>(std::move(channel)); }

}  // namespace phios

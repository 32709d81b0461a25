#include "kernel/proc/channel.h"

#include <fmt/core.h>

namespace phios {

namespace {
void drop_finished(std::deque<PendingRef>& calls) {
  std::erase_if(calls, [](const PendingRef& call) { return call->done(); });
}
}  // namespace

void Channel::match(std::vector<Answer>& answers) {
  drop_finished(receivers_);
  std::erase_if(senders_, [](const Sender& sender) { return sender.call->done(); });
  for (;;) {
    while (!senders_.empty() && messages_.size() < PHI_CHANNEL_MAX) {
      messages_.push_back(std::move(senders_.front().message));
      answers.push_back({std::move(senders_.front().call), Reply{}});
      senders_.pop_front();
    }
    if (receivers_.empty()) return;
    if (!messages_.empty()) {
      answers.push_back({std::move(receivers_.front()), Reply{{std::move(messages_.front())}}});
      messages_.pop_front();
    } else if (closed_) {
      answers.push_back({std::move(receivers_.front()), fail(ErrorCode::ENOENT_, "end of input")});
    } else {
      return;
    }
    receivers_.pop_front();
  }
}

void Channel::send(std::string message, PendingRef call) {
  std::vector<Answer> answers;
  {
    std::lock_guard lock(mutex_);
    if (closed_) {
      answers.push_back(
          {std::move(call), fail(ErrorCode::EIO_, fmt::format("{}: the channel is closed", name_))});
    } else {
      senders_.push_back({std::move(message), std::move(call)});
      match(answers);
    }
  }
  for (Answer& answer : answers) answer.call->answer(std::move(answer.reply));
}

bool Channel::offer(std::string message) {
  std::vector<Answer> answers;
  {
    std::lock_guard lock(mutex_);
    if (closed_ || messages_.size() >= PHI_CHANNEL_MAX) return false;
    messages_.push_back(std::move(message));
    match(answers);
  }
  for (Answer& answer : answers) answer.call->answer(std::move(answer.reply));
  return true;
}

void Channel::receive(PendingRef call) {
  std::vector<Answer> answers;
  {
    std::lock_guard lock(mutex_);
    receivers_.push_back(std::move(call));
    match(answers);
  }
  for (Answer& answer : answers) answer.call->answer(std::move(answer.reply));
}

void Channel::add_writer() {
  std::lock_guard lock(mutex_);
  writers_++;
}

void Channel::drop_writer() {
  std::vector<Answer> answers;
  {
    std::lock_guard lock(mutex_);
    if (--writers_ == 0) closed_ = true;
    match(answers);
  }
  for (Answer& answer : answers) answer.call->answer(std::move(answer.reply));
}

size_t Channel::size() const {
  std::lock_guard lock(mutex_);
  return messages_.size();
}

Result<ChannelRef> ChannelTable::open(const std::string& name) {
  std::lock_guard lock(mutex_);
  const auto it = channels_.find(name);
  if (it != channels_.end()) return it->second;
  if (channels_.size() >= PHI_CHANNELS_MAX) {
    std::erase_if(channels_, [](const auto& entry) {
      return entry.second.use_count() == 1 && entry.second->size() == 0;
    });
    if (channels_.size() >= PHI_CHANNELS_MAX)
      return fail(ErrorCode::ELIMIT_, fmt::format("channels: all {} are in use", PHI_CHANNELS_MAX));
  }
  return channels_[name] = std::make_shared<Channel>(name);
}

void ChannelTable::subscribe(const std::string& topic, std::weak_ptr<Channel> mailbox) {
  std::lock_guard lock(mutex_);
  auto& subscribers = topics_[topic];
  std::erase_if(subscribers, [](const auto& s) { return s.expired(); });
  for (const auto& s : subscribers) {
    if (s.lock() == mailbox.lock()) return;
  }
  subscribers.push_back(std::move(mailbox));
}

size_t ChannelTable::publish(const std::string& topic, const std::string& message) {
  std::vector<ChannelRef> reached;
  {
    std::lock_guard lock(mutex_);
    for (const auto& s : topics_[topic]) {
      if (ChannelRef mailbox = s.lock()) reached.push_back(std::move(mailbox));
    }
  }
  size_t n = 0;
  for (const ChannelRef& mailbox : reached) n += mailbox->offer(message) ? 1 : 0;
  return n;
}

}  // namespace phios

// Channels: bounded queues of messages between processes. A process's mailbox is one; others go by name.
//
// Ownership: shared. Threads: any, at once; answers are given outside the lock. Bounds: PHI_CHANNEL_MAX
// messages; a sender waits while it is full. Order: messages keep their order; receivers and senders are
// served in the order they came. A channel that had writers and lost the last one is closed: what it holds is
// still received, then ENOENT_ "end of input". Errors: EIO_ for a send to a closed channel.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "kernel/proc/pending_call.h"

namespace phios {

class Channel {
 public:
  explicit Channel(std::string name) : name_(std::move(name)) {}

  void send(std::string message, PendingRef call);
  // Without waiting: false when it is full or closed (publish).
  bool offer(std::string message);
  void receive(PendingRef call);
  void add_writer();
  void drop_writer();
  size_t size() const;

 private:
  struct Sender {
    std::string message;
    PendingRef call;
  };
  struct Answer {
    PendingRef call;
    Result<Reply> reply;
  };
  void match(std::vector<Answer>& answers);  // under the lock: pairs what can be paired

  const std::string name_;
  mutable std::mutex mutex_;  // guards what follows
  std::deque<std::string> messages_;
  std::deque<Sender> senders_;
  std::deque<PendingRef> receivers_;
  int writers_ = 0;
  bool closed_ = false;
};
using ChannelRef = std::shared_ptr<Channel>;

// Named channels, and topics: who subscribed to what.
class ChannelTable {
 public:
  Result<ChannelRef> open(const std::string& name);  // made on first use; ELIMIT_ past PHI_CHANNELS_MAX
  void subscribe(const std::string& topic, std::weak_ptr<Channel> mailbox);
  size_t publish(const std::string& topic, const std::string& message);  // the subscribers reached

 private:
  std::mutex mutex_;  // guards what follows
  std::map<std::string, ChannelRef> channels_;
  std::map<std::string, std::vector<std::weak_ptr<Channel>>> topics_;
};

}  // namespace phios

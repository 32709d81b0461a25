#include "kernel/proc/channel.h"

#include <gtest/gtest.h>

namespace phios {
namespace {

class ChannelTest : public ::testing::Test {
 protected:
  void SetUp() override { runtime_ = std::move(*Runtime::start(env_, trace_, {.reactors = 1})); }
  void TearDown() override { runtime_->stop(); }

  PendingRef call(Outcome* out) {
    return std::make_shared<PendingCall>(*runtime_, [out](Outcome outcome) { *out = std::move(outcome); });
  }
  static Outcome none() { return {fail(ErrorCode::EAGAIN_, "not yet"), false}; }

  SystemEnv env_{1};
  Trace trace_{env_, 1};
  std::unique_ptr<Runtime> runtime_;
};

TEST_F(ChannelTest, MessagesKeepTheirOrderAndASenderWaitsWhileItIsFull) {
  Channel channel("c");
  std::vector<Outcome> sent(PHI_CHANNEL_MAX + 1, none());
  for (size_t i = 0; i < sent.size(); i++) channel.send(std::to_string(i), call(&sent[i]));
  EXPECT_TRUE(sent[PHI_CHANNEL_MAX - 1].reply);
  EXPECT_FALSE(sent[PHI_CHANNEL_MAX].reply);
  for (size_t i = 0; i < sent.size(); i++) {
    Outcome got = none();
    channel.receive(call(&got));
    ASSERT_TRUE(got.reply);
    EXPECT_EQ(got.reply->words.front(), std::to_string(i));
  }
  EXPECT_TRUE(sent[PHI_CHANNEL_MAX].reply);
}

TEST_F(ChannelTest, AReceiverThatGaveUpTakesNoMessage) {
  Channel channel("c");
  Outcome gone = none(), got = none();
  const PendingRef waiting = call(&gone);
  channel.receive(waiting);
  waiting->interrupt("told to end");
  channel.receive(call(&got));
  EXPECT_TRUE(channel.offer("kept"));
  ASSERT_TRUE(got.reply);
  EXPECT_EQ(got.reply->words.front(), "kept");
  EXPECT_EQ(gone.reply.error().code, ErrorCode::EINTR_);
}

TEST_F(ChannelTest, TheLastWriterThatGoesClosesIt) {
  Channel channel("c");
  channel.add_writer();
  EXPECT_TRUE(channel.offer("last words"));
  Outcome waiting = none(), end = none(), late = none();
  channel.drop_writer();
  channel.receive(call(&waiting));
  EXPECT_EQ(waiting.reply->words.front(), "last words");
  channel.receive(call(&end));
  EXPECT_EQ(end.reply.error().code, ErrorCode::ENOENT_);
  channel.send("x", call(&late));
  EXPECT_EQ(late.reply.error().code, ErrorCode::EIO_);
}

TEST_F(ChannelTest, ATopicReachesWhoSubscribed) {
  ChannelTable table;
  auto mailbox = std::make_shared<Channel>("1");
  table.subscribe("news", mailbox);
  table.subscribe("news", mailbox);  // twice counts once
  EXPECT_EQ(table.publish("news", "a"), 1u);
  EXPECT_EQ(table.publish("weather", "b"), 0u);
  mailbox.reset();
  EXPECT_EQ(table.publish("news", "c"), 0u);
}

}  // namespace
}  // namespace phios

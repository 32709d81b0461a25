#include "kernel/base/trace.h"

#include <gtest/gtest.h>

#include <thread>

namespace phios {
namespace {

TEST(Trace, GivesEventsInTheOrderOfTime) {
  SystemEnv env(1);
  Trace trace(env, 2);
  trace.emit(EventKind::kSpawn, 4, 1);
  trace.emit(EventKind::kExit, 4, 0);
  Trace::Cursor cursor;
  std::vector<Event> events;
  trace.collect(cursor, events);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].kind, EventKind::kSpawn);
  EXPECT_EQ(events[1].kind, EventKind::kExit);
  EXPECT_EQ(events[0].pid, 4u);
  trace.collect(cursor, events);
  EXPECT_EQ(events.size(), 2u);
}

TEST(Trace, CountsWhatWasOverwritten) {
  SystemEnv env(1);
  Trace trace(env, 1, 16);
  for (int i = 0; i < 100; i++) trace.emit(EventKind::kReady, 1, static_cast<uint64_t>(i));
  Trace::Cursor cursor;
  std::vector<Event> events;
  trace.collect(cursor, events);
  EXPECT_EQ(events.size() + cursor.lost, 100u);
  EXPECT_EQ(events.back().a, 99u);
}

TEST(Trace, AReaderBesideAWriterSeesOnlyWholeRecords) {
  SystemEnv env(1);
  Trace trace(env, 1, 64);
  std::thread writer([&] {
    trace.bind_thread(0);
    for (uint64_t i = 0; i < 200'000; i++) trace.emit(EventKind::kReady, i, i, i, i);
  });
  Trace::Cursor cursor;
  std::vector<Event> events;
  for (int i = 0; i < 200; i++) trace.collect(cursor, events);
  writer.join();
  trace.collect(cursor, events);
  for (const Event& e : events) {
    ASSERT_EQ(e.pid, e.a);
    ASSERT_EQ(e.a, e.c);
  }
  EXPECT_EQ(events.size() + cursor.lost, 200'000u);
}

}  // namespace
}  // namespace phios

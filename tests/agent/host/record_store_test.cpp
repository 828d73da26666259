#include "agent/host/record_store.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>

#include "agent/host/record_json.hpp"

namespace unik::agent {
namespace {

NodeRecord some_record() {
  NodeRecord record;
  record.agent_start = 1'700'000'000'000'001;
  record.goals.stamp = {"cluster \"1\"", {2, 3}, 99};
  record.goals.actions.push_back(EnsureImage{"web@sha256:" + std::string(64, 'a')});
  EnsureRunning running;
  running.id = {Symbol("default"), Symbol("web"), 0, 42, 1};
  running.boot.image = "web@sha256:" + std::string(64, 'a');
  running.boot.env = {{"WORDS", ",\"instances\":[ }"}};
  record.goals.actions.push_back(running);
  InstanceRecord instance;
  instance.restarts = 3;
  instance.last_exit = Exit{ExitKind::kSignaled, 9};
  instance.ended = true;
  instance.ended_reason = "has ,\"instances\":[ in it";
  instance.ended_message = "the app exited with code 5";
  instance.address = "127.1.2.3";
  record.instances[running.id] = instance;
  record.instances[{Symbol("default"), Symbol("web"), 1, 42, 1}] = {};
  record.ports.push_back({{Symbol("default"), Symbol("web")}, "http", 18080});
  return record;
}

TEST(RecordJson, ReadsBack) {
  EXPECT_EQ(*parse_record(to_json(NodeRecord{})), NodeRecord{});
  const Result<NodeRecord> read = parse_record(to_json(some_record()));
  ASSERT_TRUE(read.ok()) << to_string(read.error());
  EXPECT_EQ(*read, some_record());
}

// Every torn write and every flipped byte is seen.
TEST(RecordJson, NothingBrokenIsRead) {
  const std::string whole = to_json(some_record());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Result<NodeRecord> read = parse_record(std::string_view(whole).substr(0, size));
    ASSERT_FALSE(read.ok()) << size;
    EXPECT_EQ(read.error().reason, "corrupt_record");
  }
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string text = whole;
    text[at] = static_cast<char>(text[at] ^ 1);
    EXPECT_FALSE(parse_record(text).ok()) << at;
  }
}

class RecordStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "unik-record-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::unique_ptr<RecordStore> open() {
    return std::make_unique<RecordStore>(directory_, [this](Event event) {
      const std::lock_guard lock(mutex_);
      events_.push_back(std::move(event));
      changed_.notify_all();
    });
  }

  Event next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !events_.empty(); });
    Event event = std::move(events_.front());
    events_.erase(events_.begin());
    return event;
  }

  std::string directory_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Event> events_;
};

TEST_F(RecordStoreTest, ANewNodeHasTheDefaultRecord) {
  EXPECT_EQ(*open()->load(), NodeRecord{});
}

TEST_F(RecordStoreTest, WhatWasSavedIsLoaded) {
  auto store = open();
  store->save({5, some_record()});
  EXPECT_EQ(std::get<RecordSaved>(next()).version, 5U);
  store.reset();
  EXPECT_EQ(*open()->load(), some_record());
}

TEST_F(RecordStoreTest, TheLastSaveBeforeTheEndIsWritten) {
  auto store = open();
  for (std::uint64_t version = 1; version <= 20; ++version) {
    NodeRecord record = some_record();
    record.agent_start = version;
    store->save({version, record});
  }
  store.reset();
  EXPECT_EQ(open()->load()->agent_start, 20U);
}

TEST_F(RecordStoreTest, ABrokenFileIsSetAsideAndSaidSo) {
  std::ofstream(directory_ + "/node.json") << to_json(some_record()).substr(0, 200);
  const Result<NodeRecord> loaded = open()->load();
  ASSERT_FALSE(loaded.ok());
  EXPECT_EQ(loaded.error().reason, "corrupt_record");
  EXPECT_TRUE(std::filesystem::exists(directory_ + "/node.json.corrupt"));
  EXPECT_EQ(*open()->load(), NodeRecord{});
}

// A disk that takes no more: the save fails, the record before it stays, and nothing is left lying about.
TEST_F(RecordStoreTest, AFullDiskFailsTheSaveAndKeepsTheRecord) {
  auto store = open();
  store->save({1, some_record()});
  ASSERT_TRUE(std::holds_alternative<RecordSaved>(next()));

  NodeRecord large = some_record();
  for (std::uint32_t slot = 2; slot < 2000; ++slot)
    large.instances[{Symbol("default"), Symbol("web"), slot, 42, 1}].ended_reason = std::string(100, 'x');
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, SIG_IGN);
  const rlimit small{64 * 1024, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  store->save({2, large});
  const Event event = next();
  setrlimit(RLIMIT_FSIZE, &before);
  ASSERT_TRUE(std::holds_alternative<RecordFailed>(event));
  EXPECT_EQ(std::get<RecordFailed>(event).version, 2U);
  EXPECT_EQ(*store->load(), some_record());
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory_)) ++files;
  EXPECT_EQ(files, 1U);

  store->save({3, large});
  EXPECT_TRUE(std::holds_alternative<RecordSaved>(next()));
  EXPECT_EQ(*store->load(), large);
}

}  // namespace
}  // namespace unik::agent

#include "controller/http/event_feed.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "codec/views_json.hpp"
#include "controller/http/api.hpp"
#include "controller/store/store.hpp"
#include "tests/controller/store/long_journal.hpp"
#include "tests/controller/store/store_home.hpp"
#include "wire/clock.hpp"
#include "wire/event_stream.hpp"
#include "wire/http_client.hpp"

namespace unik::controller {
namespace {

const std::string kTrace(32, 'c');

// One controller's side of /v1/events, as long as it lives.
class Served {
 public:
  Served(const StoreHome& home, std::uint64_t head)
      : endpoint_(wire::unix_endpoint(home.directory() / "api.sock")), feed_(*JournalReader::open(home.path()), head) {
    wire::ServerOptions options;
    options.listen = {{endpoint_, true}};
    Result<wire::HttpServer> server = wire::HttpServer::start(
        std::move(options), [this](const wire::HttpRequest& request, const wire::Responder& responder) {
          EventFeed::Watch watch;
          watch.tenant = "default";
          watch.follow = false;
          watch.after = *query_number(request, "since");
          watch.trace_id = request.trace_id;
          feed_.watch(watch, responder);
        });
    EXPECT_TRUE(server.ok()) << to_string(server.error());
    server_.emplace(std::move(server).value());
  }

  std::vector<wire::StreamEvent> events(const std::string& query) const {
    wire::ClientRequest request;
    request.method = "GET";
    request.endpoint = endpoint_;
    request.headers.add("X-Trace-Id", kTrace);
    request.target = "/v1/events" + query;
    const Result<wire::ClientResponse> response = wire::fetch(request);
    EXPECT_TRUE(response.ok()) << to_string(response.error());
    wire::EventParser parser;
    return *parser.feed(response->body);
  }

 private:
  wire::Endpoint endpoint_;
  EventFeed feed_;
  std::optional<wire::HttpServer> server_;
};

class EventFeedTest : public ::testing::Test {
 protected:
  EventFeedTest() : store_(*Store::open(home_.path())) {}

  void commit_up_to(std::uint64_t seq) {
    for (const Record& record : long_journal(seq)) {
      if (record.seq <= store_.head()) continue;
      ASSERT_EQ(store_.commit(record).outcome, CommitOutcome::kCommitted);
    }
  }
  void compact(std::uint64_t records) {
    Retention keep;
    keep.records = records;
    while (*store_.compact(keep, minute(store_.head()))) {
    }
  }

  StoreHome home_;
  Store store_;
};

TEST_F(EventFeedTest, WhoComesBackToTheNextControllerHasEveryEventOnce) {
  commit_up_to(23);
  std::vector<wire::StreamEvent> parts = Served(home_, 23).events("?since=0");
  ASSERT_EQ(parts.back().id, "23");
  commit_up_to(60);
  const std::vector<wire::StreamEvent> all = Served(home_, 60).events("?since=0");
  ASSERT_GT(all.size(), 60U);
  for (const wire::StreamEvent& event : Served(home_, 60).events("?since=" + parts.back().id)) parts.push_back(event);
  EXPECT_EQ(parts, all);
}

// Who breaks off between two events of one record gets the record again: an id stands for whole records.
TEST_F(EventFeedTest, OnlyTheLastEventOfARecordHasItsId) {
  commit_up_to(10);
  const std::vector<wire::StreamEvent> events = Served(home_, 10).events("?since=4");
  std::vector<std::string> ids;
  for (const wire::StreamEvent& event : events)
    if (codec::from_json<EventView>(event.data)->seq == 5) ids.push_back(event.id);
  EXPECT_EQ(ids, (std::vector<std::string>{"4", "5"}));
}

TEST_F(EventFeedTest, WhatIsCompactedIsSaidOnceAndTheStreamGoesOn) {
  commit_up_to(50);
  compact(10);
  commit_up_to(70);
  compact(10);
  const std::vector<wire::StreamEvent> events = Served(home_, 70).events("?since=3");
  EXPECT_EQ(events.front().event, "resync");
  EXPECT_EQ(events.front().id, "50");
  EXPECT_EQ(codec::from_json<EventView>(events.front().data)->reason, kCompacted);
  EXPECT_EQ(codec::from_json<EventView>(events.front().data)->trace_id, kTrace);
  EXPECT_EQ(codec::from_json<EventView>(events[1].data)->seq, 51U);
  EXPECT_EQ(events.back().id, "70");
  // Who asks for all that is there has asked for nothing that is gone.
  EXPECT_EQ(Served(home_, 70).events("").front().event, "change");
}

// What others do passes it by, and its stream could be dead or stand anywhere.
TEST_F(EventFeedTest, WhoHearsNothingOfOthersIsToldWhereItStands) {
  commit_up_to(20);
  const wire::Endpoint endpoint = wire::unix_endpoint(home_.directory() / "quiet.sock");
  EventFeed feed(*JournalReader::open(home_.path()), 20, std::chrono::milliseconds(1));
  wire::ServerOptions options;
  options.listen = {{endpoint, true}};
  const Result<wire::HttpServer> server =
      wire::HttpServer::start(std::move(options), [&](const wire::HttpRequest&, const wire::Responder& responder) {
        feed.watch({.after = 20, .tenant = "nobody"}, responder);
      });
  ASSERT_TRUE(server.ok()) << to_string(server.error());
  const std::vector<Record> records = long_journal(60);
  std::uint64_t next = 21;
  wire::EventParser parser;
  std::vector<wire::StreamEvent> heard;
  std::string last;
  wire::ClientRequest request;
  request.endpoint = endpoint;
  request.target = "/v1/events";
  request.sink = [&](std::string_view chunk) {
    const auto events = parser.feed(chunk);
    heard.insert(heard.end(), events->begin(), events->end());
    last = parser.last_id();
    if (next > 60) return last != "60";
    EXPECT_EQ(store_.commit(records[next - 1]).outcome, CommitOutcome::kCommitted);
    feed.advance(next++);
    return true;
  };
  (void)wire::fetch(request);
  EXPECT_EQ(last, "60");
  for (const wire::StreamEvent& event : heard) EXPECT_EQ(codec::from_json<EventView>(event.data)->tenant, "");
}

// What wakes the feed meanwhile is no reason to wait for longer.
TEST_F(EventFeedTest, WhoHearsNothingIsToldInTimeThoughOthersWereHeardMeanwhile) {
  constexpr Duration kEvery = std::chrono::seconds(2);
  commit_up_to(20);
  const wire::Endpoint endpoint = wire::unix_endpoint(home_.directory() / "quiet.sock");
  EventFeed feed(*JournalReader::open(home_.path()), 20, kEvery);
  wire::ServerOptions options;
  options.listen = {{endpoint, true}};
  const Result<wire::HttpServer> server =
      wire::HttpServer::start(std::move(options), [&](const wire::HttpRequest&, const wire::Responder& responder) {
        feed.watch({.after = 20, .tenant = "nobody"}, responder);
      });
  ASSERT_TRUE(server.ok()) << to_string(server.error());
  const Time began = wire::read_clock().boot;
  const std::jthread others([&](const std::stop_token& stop) {
    while (!stop.stop_requested() && wire::read_clock().boot < began + kEvery * 9 / 10) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      feed.advance(20);
    }
  });
  wire::ClientRequest request;
  request.endpoint = endpoint;
  request.target = "/v1/events";
  request.sink = [&](std::string_view) { return wire::read_clock().boot < began + kEvery / 2; };
  (void)wire::fetch(request);
  EXPECT_LT(wire::read_clock().boot - began, kEvery * 3 / 2);
}

TEST_F(EventFeedTest, WhoHasSeenALostHistoryIsToldSo) {
  commit_up_to(20);
  const std::vector<wire::StreamEvent> events = Served(home_, 20).events("?since=30");
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events.front().event, "resync");
  EXPECT_EQ(events.front().id, "20");
  EXPECT_EQ(codec::from_json<EventView>(events.front().data)->reason, "history_lost");
  EXPECT_EQ(codec::from_json<EventView>(events.front().data)->trace_id, kTrace);
}

}  // namespace
}  // namespace unik::controller

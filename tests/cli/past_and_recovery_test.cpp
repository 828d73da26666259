// What was, what is followed over a broken stream, and going on from a restored store.
#include <gtest/gtest.h>

#include "codec/views_json.hpp"
#include "tests/cli/samples.hpp"
#include "tests/cli/simulated_controller.hpp"
#include "wire/event_stream.hpp"

namespace unik::cli {
namespace {

class PastAndRecovery : public testing::Test {
 protected:
  RunResult unikctl(const std::vector<std::string>& args, const std::string& input = "") {
    return run_unikctl(controller, args, input);
  }

  SimulatedController controller;
};

std::string event_text(std::uint64_t seq, const std::string& object, bool last_of_record) {
  EventView event;
  event.seq = seq;
  event.object = object;
  event.reason = "changed";
  return wire::format_event({last_of_record ? std::to_string(seq) : "", "change", codec::to_json(event)});
}

TEST_F(PastAndRecovery, GetAtSendsTheSequenceAsItIsAndATimeAsAMoment) {
  controller.answer("GET /v1/apps/web", 200, codec::to_json(sample_app()));
  EXPECT_EQ(unikctl({"get", "app", "web", "--at", "42"}).code, 0);
  EXPECT_EQ(controller.seen().back().target, "/v1/apps/web?tenant=default&at=42");
  EXPECT_EQ(unikctl({"get", "app", "web", "--at", "2026-11-22T10:00:00Z"}).code, 0);
  EXPECT_EQ(controller.seen().back().target, "/v1/apps/web?tenant=default&at=2026-11-22T10%3A00%3A00.000Z");
  EXPECT_EQ(unikctl({"get", "app", "web", "--at", "5m"}).code, 0);
  EXPECT_NE(controller.seen().back().target.find("&at=20"), std::string::npos);
  EXPECT_EQ(unikctl({"get", "app", "web", "--at", "yesterday"}).code, 2);
}

// The stream breaks off between the two events of record 7; the next one begins with that record again.
TEST_F(PastAndRecovery, AStreamThatBreaksOffGoesOnWithoutAGapOrAnEventTwice) {
  const std::string first = "id: 5\n\n" + event_text(6, "app/a", true) + event_text(7, "app/b", false);
  const std::string second =
      event_text(7, "app/b", false) + event_text(7, "app/c", true) + event_text(8, "app/d", true);
  controller.answer("GET /v1/events", Answer{200, first, true});
  controller.answer("GET /v1/events", Answer{200, second, false});
  controller.answer("GET /v1/events", 409, codec::to_json(conflict("enough", "that is all")));
  const RunResult run = unikctl({"events", "-f", "-o", "name"});
  EXPECT_EQ(run.out, "app/a\napp/b\napp/c\napp/d\n");
  const std::vector<SeenRequest> seen = controller.seen("GET /v1/events");
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_EQ(seen[0].target, "/v1/events?follow=1");
  EXPECT_EQ(seen[1].target, "/v1/events?follow=1&since=6");
  EXPECT_EQ(seen[2].target, "/v1/events?follow=1&since=8");
}

TEST_F(PastAndRecovery, RecoverWantsToBeConfirmed) {
  controller.answer("POST /v1/recover", 200, codec::to_json(sample_reply()));
  EXPECT_EQ(unikctl({"recover"}).code, 2);
  EXPECT_EQ(unikctl({"recover"}, "no\n").code, 2);
  EXPECT_TRUE(controller.seen("POST /v1/recover").empty());
  EXPECT_EQ(unikctl({"recover"}, "yes\n").code, 0);
  EXPECT_EQ(unikctl({"recover", "--yes"}).code, 0);
  EXPECT_EQ(controller.seen("POST /v1/recover").size(), 2U);
}

TEST_F(PastAndRecovery, TheNodeOfAQuarantinedInstanceIsFoundUnlessItIsOnTwo) {
  codec::Page<QuarantinedView> page;
  const InstanceId id{Symbol("default"), Symbol("web"), 1, 42, 1};
  page.items.push_back({"n2", id, "web-1-r42-1", "running", ""});
  controller.answer("GET /v1/quarantine", 200, codec::to_json(page));
  controller.answer("POST /v1/quarantine/n2/web-1-r42-1/adopt", 200, codec::to_json(sample_reply()));
  const RunResult listed = unikctl({"quarantine", "list"});
  EXPECT_NE(listed.out.find("web-1-r42-1   default   n2     running   yes"), std::string::npos) << listed.out;
  EXPECT_EQ(unikctl({"quarantine", "adopt", "instance/web-1-r42-1"}).out, "instance/web-1-r42-1 adopted\n");
  EXPECT_EQ(unikctl({"quarantine", "destroy", "web-0-r42-1"}).code, 3);
  page.items.push_back({"n3", id, "web-1-r42-1", "running", ""});
  controller.forget("GET /v1/quarantine");
  controller.answer("GET /v1/quarantine", 200, codec::to_json(page));
  EXPECT_EQ(unikctl({"quarantine", "adopt", "web-1-r42-1"}).code, 4);
  EXPECT_EQ(unikctl({"quarantine", "adopt", "web-1-r42-1", "--node", "n2"}).code, 0);
}

TEST_F(PastAndRecovery, StatusSaysThatTheStoreIsRestored) {
  StatusView status;
  status.tenant = "default";
  status.restored = true;
  status.quarantine.push_back({"n2", {Symbol("default"), Symbol("web"), 1, 42, 1}, "web-1-r42-1", "running", "no app"});
  controller.answer("GET /v1/status", 200, codec::to_json(status));
  const std::string text = unikctl({"status"}).out;
  EXPECT_NE(text.find("unikctl recover"), std::string::npos) << text;
  EXPECT_NE(text.find("no: no app"), std::string::npos) << text;
}

}  // namespace
}  // namespace unik::cli

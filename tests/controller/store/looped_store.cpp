#include "tests/controller/store/looped_store.hpp"

#include <utility>

#include "api/check.hpp"

namespace unik::controller {
namespace {

constexpr int kMostTries = 50;
const WallTime kBegun{std::chrono::hours(500'000)};

}  // namespace

LoopedStore::LoopedStore(std::string path, std::string vfs) : path_(std::move(path)), vfs_(std::move(vfs)) {}

void LoopedStore::expect(bool holds, const std::string& what) {
  if (!holds) broken_.push_back(what);
}

bool LoopedStore::open() {
  store_.reset();
  Result<Store> opened = Store::open(path_, vfs_);
  if (!opened) {
    const Error& error = opened.error();
    expect(error.code == ErrorCode::kUnavailable || error.code == ErrorCode::kExhausted,
           "a healthy store was refused: " + to_string(error));
    on_trouble();
    return false;
  }
  store_.emplace(std::move(opened).value());
  return true;
}

void LoopedStore::start() {
  for (int tries = 0; !loop_; ++tries) {
    UNIK_CHECK(tries < kMostTries, "the store does not open");
    if (!store_ && !open()) continue;
    if (store_->head() == 0) {
      const CommitResult first = store_->commit(first_record("cluster", kBegun));
      if (first.outcome != CommitOutcome::kCommitted) {
        on_trouble();
        store_.reset();
        continue;
      }
    }
    loop_ = std::make_unique<Loop>(*store_->load(), LoopOptions{});
  }
}

void LoopedStore::restart() {
  loop_.reset();
  store_.reset();
  start();
}

void LoopedStore::carry_out(const Effect& effect, std::vector<Event>& home) {
  if (const auto* const reply = std::get_if<Reply>(&effect)) {
    answer_ = reply->answer;
  } else if (const auto* const begin = std::get_if<BeginCommit>(&effect)) {
    const std::uint64_t seq = begin->record->seq;
    CommitResult result = store_->commit(*begin->record);
    switch (result.outcome) {
      case CommitOutcome::kCommitted:
        store_->share(*begin->after);
        return home.push_back(Committed{seq});
      case CommitOutcome::kRejected:
        return home.push_back(Rejected{seq, std::move(result.error)});
      case CommitOutcome::kUnknown:
        return home.push_back(CommitUnknown{seq, std::move(result.error)});
    }
  } else if (std::holds_alternative<ReopenStore>(effect)) {
    ++reopenings_;
    if (open()) return home.push_back(StoreReopened{store_->head()});
    home.push_back(StoreStillClosed{unavailable("io_error", "the disk fails")});
  }
}

void LoopedStore::turn(std::vector<Event> events) {
  for (int turns = 0; turns == 0 || !events.empty(); ++turns) {
    UNIK_CHECK(turns < kMostTries, "the loop does not come to rest");
    std::vector<Event> home;
    const Effects effects = loop_->turn(Now{time_, kBegun + (time_ - Time{})}, events);
    for (const Effect& effect : effects.list) carry_out(effect, home);
    events = std::move(home);
  }
}

Answer LoopedStore::turn_until_answered(const std::function<Event(RequestId)>& make) {
  for (int tries = 0; tries < kMostTries; ++tries) {
    answer_.reset();
    turn({make(++last_id_)});
    UNIK_CHECK(answer_.has_value(), "a request without an answer");
    const Error* const refusal = std::get_if<Error>(&*answer_);
    if (refusal == nullptr) return *answer_;
    if (!traits(refusal->code).retryable) {
      expect(false, "refused for good: " + to_string(*refusal));
      return *answer_;
    }
    ++refusals_;
    on_trouble();
    time_ += std::chrono::seconds(2);  // what was refused may be planned again
  }
  UNIK_CHECK(false, "a request that is refused for ever");
}

void LoopedStore::ask(const std::string& key, const Mutation& mutation) {
  Caller caller;
  caller.actor = "user";
  caller.trace_id = key;
  caller.idempotency_key = key;
  caller.body_hash = 1;
  const auto checked = on_trouble;
  on_trouble = [&] {
    if (loop_ && answer_) expect(!world().answers.contains(key), "a refused request took effect: " + key);
    checked();
  };
  turn_until_answered([&](RequestId id) { return MutationAsked{id, caller, mutation}; });
  on_trouble = checked;
  expect(world().answers.contains(key), "an acknowledged request has left nothing: " + key);
}

void LoopedStore::register_node(const std::string& name) {
  RegisterRequest request;
  request.node = name;
  request.agent_id = "a1";
  request.agent_start = 1;
  request.info.capacity = {MilliCpu{64'000}, mebibytes(1 << 16)};
  turn_until_answered([&](RequestId id) { return RegisterAsked{id, "", request}; });
}

App app_with(const std::string& name, const std::string& version, std::uint32_t replicas) {
  App app;
  app.metadata.name = name;
  app.metadata.tenant = kDefaultTenant;
  app.spec.boot.image = "img@sha256:" + std::string(64, 'a');
  app.spec.boot.env = {{"V", version}};
  app.spec.replicas = replicas;
  return app;
}

Mutation applying(const std::string& key, App app) {
  ApplyRequest apply;
  apply.follow = true;
  apply.trace_id = key;
  apply.resources.push_back(std::move(app));
  return apply;
}

Mutation deleting(const std::string& key, const std::string& name) {
  return DeleteRequest{Kind::kApp, std::string(kDefaultTenant), {name}, key};
}

}  // namespace unik::controller

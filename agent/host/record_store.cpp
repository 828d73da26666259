#include "agent/host/record_store.hpp"

#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "agent/host/record_json.hpp"
#include "runtimes/lib/oci/durable_file.hpp"

namespace unik::agent {

class RecordStore::State {
 public:
  State(std::string directory, std::function<void(Event)> deliver)
      : path_(std::move(directory) + '/' + std::string(kRecordFile)),
        deliver_(std::move(deliver)),
        thread_([this] { run(); }) {}

  ~State() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  Result<NodeRecord> load() const {
    const Result<std::string> text = runtimes::read_file(path_, {static_cast<std::int64_t>(kMaxRecordBytes)});
    if (!text.ok() && text.error().code == ErrorCode::kNotFound) return NodeRecord{};
    if (!text.ok()) return unavailable("record_unreadable", "cannot read the node's record: " + text.error().message);
    Result<NodeRecord> record = parse_record(*text);
    if (record.ok()) return record;
    const std::string aside = path_ + ".corrupt";
    std::rename(path_.c_str(), aside.c_str());
    Error error = std::move(record).error();
    error.message += "; set aside as " + aside +
                     ": look at it, then start the agent again as a node that knows only "
                     "the VMs it finds";
    return error;
  }

  void save(SaveRecord effect) {
    {
      const std::lock_guard lock(mutex_);
      next_ = std::move(effect);
    }
    changed_.notify_all();
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return ending_ || next_; });
      if (!next_) return;
      const SaveRecord effect = std::move(*std::exchange(next_, std::nullopt));
      lock.unlock();
      if (Result<void> written = runtimes::replace_file(path_, to_json(effect.record)); written.ok())
        deliver_(RecordSaved{effect.version});
      else
        deliver_(RecordFailed{effect.version, written.error()});
      lock.lock();
    }
  }

  const std::string path_;
  const std::function<void(Event)> deliver_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<SaveRecord> next_;
  bool ending_ = false;
  std::thread thread_;  // last: it uses all of the above
};

RecordStore::RecordStore(std::string directory, std::function<void(Event)> deliver)
    : state_(std::make_unique<State>(std::move(directory), std::move(deliver))) {}
RecordStore::~RecordStore() = default;

Result<NodeRecord> RecordStore::load() {
  return state_->load();
}
void RecordStore::save(SaveRecord effect) {
  state_->save(std::move(effect));
}

}  // namespace unik::agent

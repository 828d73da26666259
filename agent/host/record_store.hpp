// The agent's port to its one durable record: carries out SaveRecord, yields RecordSaved and RecordFailed.
//
// The record is one file, replaced as a whole: temporary file, fsync, rename, fsync of the directory. So after a crash
// it is the old one or the new one. A file that is neither (a broken disk, another hand) is set aside under another
// name and said so: an agent that guessed would forget what it runs.
//
// Saving happens on a thread of its own; of several that wait only the newest is written, and answered.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "agent/ports.hpp"
#include "api/result.hpp"

namespace unik::agent {

inline constexpr std::string_view kRecordFile = "node.json";

class RecordStore {
 public:
  // `directory` exists. `deliver` is called from the store's thread.
  RecordStore(std::string directory, std::function<void(Event)> deliver);
  ~RecordStore();  // writes what waits, then ends
  RecordStore(const RecordStore&) = delete;
  RecordStore& operator=(const RecordStore&) = delete;

  // The record as last saved; the default for a new node. Errors: `unavailable`/`record_unreadable`;
  // `internal`/`corrupt_record`: the file is now called `node.json.corrupt`, and the next load finds a new node.
  Result<NodeRecord> load();

  // Returns at once.
  void save(SaveRecord effect);

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace unik::agent

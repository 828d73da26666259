// The real loop over a real store, whose effects are carried out at once and whose answers come home in the same call.
// A user asks with a key until there is an answer that is no refusal, as a client does.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controller/loop.hpp"
#include "controller/store/store.hpp"

namespace unik::controller {

class LoopedStore {
 public:
  LoopedStore(std::string path, std::string vfs);

  // Called after each refusal and each opening that failed: a disk is mended here.
  std::function<void()> on_trouble = [] {};

  // Opens the store and makes its first record, however often that must be tried. Comes first.
  void start();

  // Ends in order and begins again.
  void restart();

  // Asks until it is done. `key` names the request.
  void ask(const std::string& key, const Mutation& mutation);
  void register_node(const std::string& name);

  bool is_up() const { return loop_ != nullptr; }
  const World& world() const { return loop_->world(); }
  std::uint64_t refusals() const { return refusals_; }
  std::uint64_t reopenings() const { return reopenings_; }
  // What did not hold; empty is a pass.
  const std::vector<std::string>& broken() const { return broken_; }

  // As after a kill: nothing is closed in order, the files stay as they are.
  void close() { store_.reset(); }

 private:
  Answer turn_until_answered(const std::function<Event(RequestId)>& make);
  void turn(std::vector<Event> events);
  void carry_out(const Effect& effect, std::vector<Event>& home);
  bool open();
  void expect(bool holds, const std::string& what);

  const std::string path_;
  const std::string vfs_;
  std::optional<Store> store_;
  std::unique_ptr<Loop> loop_;
  Time time_{std::chrono::hours(1)};
  RequestId last_id_ = 0;
  std::optional<Answer> answer_;
  std::uint64_t refusals_ = 0;
  std::uint64_t reopenings_ = 0;
  std::vector<std::string> broken_;
};

App app_with(const std::string& name, const std::string& version, std::uint32_t replicas);
Mutation applying(const std::string& key, App app);
Mutation deleting(const std::string& key, const std::string& name);

}  // namespace unik::controller

#include "agent/qemu/qmp.hpp"

#include <utility>

#include "codec/json_reader.hpp"

namespace unik::agent {
namespace {

using codec::JsonView;

std::string version_of(JsonView greeting) {
  const JsonView qemu = greeting["version"]["qemu"];
  const auto major = qemu["major"].unsigned_integer();
  const auto minor = qemu["minor"].unsigned_integer();
  const auto micro = qemu["micro"].unsigned_integer();
  if (!major || !minor || !micro) return {};
  return std::to_string(*major) + '.' + std::to_string(*minor) + '.' + std::to_string(*micro);
}

}  // namespace

Result<QmpMessage> parse_qmp_line(std::string_view line) {
  const Result<codec::JsonDocument> document = codec::JsonDocument::parse(line, kMaxQmpLine);
  if (!document.ok()) return invalid("bad_qmp", "want a QMP message, got: " + document.error().message);
  const JsonView root = document->root();
  if (root["QMP"].is_object()) return QmpMessage(QmpGreeting{version_of(root["QMP"])});
  if (root["event"].exists()) {
    const JsonView data = root["data"];
    return QmpMessage(
        QmpEvent{root["event"].text_or(""), data["reason"].text_or(""), data["guest"].boolean().value_or(false)});
  }
  if (root["return"].exists())
    return QmpMessage(
        QmpReturn{root["id"].text_or(""), root["return"]["status"].text_or(""), root["return"].text_or("")});
  if (root["error"].is_object())
    return QmpMessage(QmpFailure{root["id"].text_or(""), root["error"]["desc"].text_or("")});
  return invalid("bad_qmp", "want a QMP greeting, return, error or event, got something else");
}

std::string qmp_command(std::string_view name, std::string_view id) {
  return "{\"execute\":\"" + std::string(name) + "\",\"id\":\"" + std::string(id) + "\"}\n";
}

std::string qmp_monitor_command(std::string_view line, std::string_view id) {
  return "{\"execute\":\"human-monitor-command\",\"arguments\":{\"command-line\":\"" + std::string(line) +
         "\"},\"id\":\"" + std::string(id) + "\"}\n";
}

Result<std::vector<QmpMessage>> QmpSession::feed(std::string_view bytes) {
  std::vector<QmpMessage> messages;
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    line_.append(bytes.substr(0, end));
    if (line_.size() > kMaxQmpLine)
      return invalid("bad_qmp",
                     "want QMP lines of at most " + std::to_string(kMaxQmpLine) + " bytes, got a longer one");
    if (end == std::string_view::npos) break;
    bytes.remove_prefix(end + 1);
    const std::string line = std::exchange(line_, {});
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    Result<QmpMessage> message = parse_qmp_line(line);
    if (!message.ok()) return std::move(message).error();
    messages.push_back(std::move(*message));
  }
  return messages;
}

}  // namespace unik::agent

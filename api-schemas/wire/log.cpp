#include "wire/log.hpp"

#include <fcntl.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <mutex>

#include "codec/json_writer.hpp"
#include "wire/clock.hpp"

namespace unik::wire {
namespace {

constexpr std::size_t kMaxValueBytes = 4096;
constexpr std::size_t kKeptFiles = 3;
constexpr std::array<std::string_view, 4> kLevels = {"debug", "info", "warning", "error"};
constexpr std::array<std::string_view, 8> kSecretWords = {"token",         "password",   "passwd",      "secret",
                                                          "authorization", "credential", "private_key", "api_key"};

std::string_view name_of(LogLevel level) {
  return kLevels[static_cast<std::size_t>(level)];
}

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

std::shared_ptr<spdlog::logger> make_logger(spdlog::sink_ptr sink) {
  auto logger = std::make_shared<spdlog::logger>("unik", std::move(sink));
  logger->set_pattern("%v");  // the whole line is made here
  logger->set_level(spdlog::level::trace);
  logger->flush_on(spdlog::level::trace);
  logger->set_error_handler([](const std::string&) {});  // a full disk must not stop the program, nor flood stderr
  return logger;
}

// The log that is set up, and what of it each record needs.
struct Active {
  std::mutex mutex;
  std::shared_ptr<spdlog::logger> logger = make_logger(std::make_shared<spdlog::sinks::stderr_sink_mt>());
  std::atomic<LogLevel> level = LogLevel::kInfo;
  std::atomic<LogFormat> format = LogFormat::kText;
};

Active& active() {
  static Active* const instance = new Active;  // never destroyed: threads may log until the end
  return *instance;
}

bool names_secret(std::string_view key) {
  std::string lower(key);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return std::any_of(kSecretWords.begin(), kSecretWords.end(),
                     [&](std::string_view word) { return lower.find(word) != std::string::npos; });
}

std::string_view shown(const LogField& field) {
  if (names_secret(field.key)) return "***";
  return std::string_view(field.value).substr(0, kMaxValueBytes);
}

bool needs_quotes(std::string_view value) {
  return value.empty() || std::any_of(value.begin(), value.end(), [](char c) {
           return static_cast<unsigned char>(c) <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f;
         });
}

// As they are, but for control characters, which become `\xNN`.
void append_escaped(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= ' ' && byte != 0x7f) {
      out += c;
      continue;
    }
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    out += "\\x";
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
}

void append_text_field(std::string& out, std::string_view key, std::string_view value) {
  out += ' ';
  append_escaped(out, key);
  out += '=';
  out += needs_quotes(value) ? codec::json_quote(value) : std::string(value);
}

std::string text_line(LogLevel level, std::string_view component, std::string_view message,
                      std::initializer_list<LogField> fields, std::string_view trace_id) {
  std::string out = format_wall_time(read_clock().wall);
  out += ' ';
  out += name_of(level);
  out.append(8 - name_of(level).size(), ' ');
  append_escaped(out, component);
  out += ": ";
  append_escaped(out, message.substr(0, kMaxValueBytes));
  for (const LogField& field : fields) append_text_field(out, field.key, shown(field));
  if (!trace_id.empty()) append_text_field(out, "trace_id", trace_id);
  return out;
}

std::string json_line(LogLevel level, std::string_view component, std::string_view message,
                      std::initializer_list<LogField> fields, std::string_view trace_id) {
  codec::JsonWriter json;
  json.begin_object();
  json.field("at", format_wall_time(read_clock().wall));
  json.field("level", name_of(level)).field("component", component);
  json.field("message", message.substr(0, kMaxValueBytes));
  if (!trace_id.empty()) json.field("trace_id", trace_id);
  for (const LogField& field : fields) json.field(field.key, shown(field));
  json.end_object();
  return json.take();
}

template <std::size_t N>
int index_of(const std::array<std::string_view, N>& names, std::string_view text) {
  const auto found = std::find(names.begin(), names.end(), text);
  return found == names.end() ? -1 : static_cast<int>(found - names.begin());
}

Result<spdlog::sink_ptr> open_sink(const LogOptions& options) {
  if (options.file.empty()) return spdlog::sink_ptr(std::make_shared<spdlog::sinks::stderr_sink_mt>());
  const auto failed = [&](std::string_view why) {
    return unavailable("log_file", "cannot write the log file " + options.file + ": " + std::string(why) +
                                       "; check its directory and permissions");
  };
  // spdlog would make missing directories by itself; a log in an unexpected place is worse than an error.
  const int fd = open(options.file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
  if (fd < 0) return failed(std::strerror(errno));
  close(fd);
  spdlog::file_event_handlers handlers;
  handlers.after_open = [takes_stderr = options.takes_stderr](const std::string&, std::FILE* file) {
    fcntl(fileno(file), F_SETFD, FD_CLOEXEC);
    fchmod(fileno(file), 0640);
    if (takes_stderr) dup2(fileno(file), STDERR_FILENO);
  };
  try {
    return spdlog::sink_ptr(std::make_shared<spdlog::sinks::rotating_file_sink_mt>(
        options.file, static_cast<std::size_t>(options.file_bytes.value), kKeptFiles, false, handlers));
  } catch (const spdlog::spdlog_ex& error) {
    return failed(error.what());
  }
}

}  // namespace

Result<LogLevel> parse_log_level(std::string_view text) {
  const int index = index_of(kLevels, text);
  if (index < 0)
    return invalid("bad_log_level", "log level: want debug, info, warning or error, got '" + std::string(text) + "'");
  return static_cast<LogLevel>(index);
}

Result<LogFormat> parse_log_format(std::string_view text) {
  if (text == "text") return LogFormat::kText;
  if (text == "json") return LogFormat::kJson;
  return invalid("bad_log_format", "log format: want text or json, got '" + std::string(text) + "'");
}

Result<void> setup_log(const LogOptions& options) {
  Result<spdlog::sink_ptr> sink = open_sink(options);
  if (!sink) return std::move(sink).error();
  std::shared_ptr<spdlog::logger> logger = make_logger(std::move(*sink));
  Active& log = active();
  const std::lock_guard lock(log.mutex);
  log.logger.swap(logger);
  log.level = options.level;
  log.format = options.format;
  return {};
}

bool log_enabled(LogLevel level) {
  return level >= active().level.load(std::memory_order_relaxed);
}

void log(LogLevel level, std::string_view component, std::string_view message, std::initializer_list<LogField> fields,
         std::string_view trace_id) {
  if (!log_enabled(level)) return;
  Active& log = active();
  const std::string line = log.format.load(std::memory_order_relaxed) == LogFormat::kJson
                               ? json_line(level, component, message, fields, trace_id)
                               : text_line(level, component, message, fields, trace_id);
  std::shared_ptr<spdlog::logger> logger;
  {
    const std::lock_guard lock(log.mutex);
    logger = log.logger;
  }
  logger->log(spdlog_level(level), spdlog::string_view_t(line));
}

}  // namespace unik::wire

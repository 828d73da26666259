#include "controller/store/records.hpp"

#include <openssl/evp.h>

#include <initializer_list>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "api/check.hpp"
#include "controller/store/row_json.hpp"

namespace unik::controller {
namespace {

// What the chain covers of a record, beside the hash before it and the changes.
std::string chained_head(const Record& record, std::uint32_t format) {
  std::string text;
  for (const std::uint64_t number :
       {record.seq, record.epoch.recovery_count, record.epoch.term,
        static_cast<std::uint64_t>(record.at.time_since_epoch().count()), static_cast<std::uint64_t>(format)})
    text += std::to_string(number) + '\0';
  text += record.actor + '\0' + record.trace_id + '\0';
  return text;
}

// Of the parts as one text, which is not put together: a record's changes may be many megabytes.
std::string sha256_of(std::initializer_list<std::string_view> parts) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  bool done = context != nullptr && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1;
  for (const std::string_view part : parts)
    done = done && EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1;
  std::string hash(32, '\0');
  unsigned int size = 0;
  done = done && EVP_DigestFinal_ex(context.get(), reinterpret_cast<unsigned char*>(hash.data()), &size) == 1;
  UNIK_CHECK(done, "SHA-256 failed");
  return hash;
}

Result<std::string> blob(Database& database, std::string_view hash) {
  Result<Statement> statement = database.prepare("SELECT body FROM blobs WHERE hash = ?");
  if (!statement) return std::move(statement).error();
  const Result<bool> row = statement->bind_blob(1, hash).step();
  if (!row) return row.error();
  if (!*row) return internal("store_corrupt", "the journal names a blob that is not there: restore a backup");
  std::string body(statement->text(0));
  if (sha256(body) != hash) return internal("store_corrupt", "a blob does not match its hash: restore a backup");
  return body;
}

bool names_blob(const nlohmann::json& element) {
  return element.is_object() && element.contains("blob") && element["blob"].is_string();
}

Result<std::vector<Change>> read_changes(Database& database, std::string_view text) {
  const nlohmann::json list = nlohmann::json::parse(text, nullptr, false);
  if (!list.is_array()) return internal("store_corrupt", "a record's changes are no array: restore a backup");
  std::vector<Change> changes;
  for (const nlohmann::json& element : list) {
    std::string body;
    if (names_blob(element)) {
      Result<std::string> stored = blob(database, unhex(element["blob"].get<std::string>()));
      if (!stored) return std::move(stored).error();
      body = std::move(stored).value();
    } else {
      body = element.dump();
    }
    Result<Change> change = change_from(body);
    if (!change) return std::move(change).error();
    changes.push_back(std::move(change).value());
  }
  return changes;
}

}  // namespace

const std::string kNoHash(32, '\0');

std::string sha256(std::string_view text) {
  return sha256_of({text});
}

std::string hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    text += kDigits[static_cast<unsigned char>(c) >> 4];
    text += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

std::string unhex(std::string_view text) {
  std::string bytes;
  const auto value = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    bytes += static_cast<char>(value(text[i]) * 16 + value(text[i + 1]));
  return bytes;
}

std::string chain_hash(std::string_view prev, const Record& record, std::uint32_t format, std::string_view changes) {
  return sha256_of({prev, chained_head(record, format), changes});
}

Result<StoredRecord> read_head(const Statement& row) {
  StoredRecord stored;
  stored.record.seq = row.unsigned_integer(0);
  stored.record.epoch = {row.unsigned_integer(1), row.unsigned_integer(2)};
  stored.prev_hash = row.text(3);
  stored.hash = row.text(4);
  stored.record.at = WallTime(Duration(row.integer(5)));
  stored.record.actor = row.text(6);
  stored.record.trace_id = row.text(7);
  const auto format = static_cast<std::uint32_t>(row.integer(8));
  if (format == 0 || format > kRecordFormat)
    return internal("unknown_record_format", "record " + std::to_string(stored.record.seq) + " has format " +
                                                 std::to_string(format) + ": run the newer program");
  stored.changes = row.text(9);
  if (chain_hash(stored.prev_hash, stored.record, format, stored.changes) != stored.hash)
    return internal("store_corrupt",
                    "record " + std::to_string(stored.record.seq) + " does not match its hash: restore a backup");
  return stored;
}

Result<StoredRecord> read_record(Database& database, const Statement& row) {
  Result<StoredRecord> stored = read_head(row);
  if (!stored) return stored;
  Result<std::vector<Change>> parsed = read_changes(database, stored->changes);
  if (!parsed) return std::move(parsed).error();
  stored->record.changes = std::move(parsed).value();
  return stored;
}

std::vector<std::string> blobs_of(std::string_view changes) {
  std::vector<std::string> hashes;
  if (changes.find("\"blob\"") == std::string_view::npos) return hashes;
  const nlohmann::json list = nlohmann::json::parse(changes, nullptr, false);
  for (const nlohmann::json& element : list)
    if (names_blob(element)) hashes.push_back(element["blob"].get<std::string>());
  return hashes;
}

}  // namespace unik::controller

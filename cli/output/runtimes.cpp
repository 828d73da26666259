#include "cli/output/runtimes.hpp"

#include <fmt/format.h>

#include "cli/output/document.hpp"
#include "cli/output/images.hpp"
#include "cli/output/table.hpp"
#include "codec/json_writer.hpp"
#include "runtimes/lib/runtime/runtime_build.hpp"

namespace unik::cli {
namespace {

using codec::JsonWriter;

std::map<std::string, std::string> provides_of(const RuntimeRow& row) {
  if (row.installed)
    return runtimes::parse_provides(
        runtimes::annotation(row.installed->manifest.annotations, runtimes::kProvidesAnnotation));
  return row.source ? row.source->manifest.provides : std::map<std::string, std::string>();
}

std::string pairs(const std::map<std::string, std::string>& map) {
  std::string text;
  for (const auto& [name, value] : map) text += (text.empty() ? "" : ", ") + name + " " + value;
  return text;
}

void write_pairs(JsonWriter& out, std::string_view key, const std::map<std::string, std::string>& map) {
  out.key(key).begin_object();
  for (const auto& [name, value] : map) out.field(name, value);
  out.end_object();
}

void write_runtime(JsonWriter& out, const RuntimeRow& row, bool whole) {
  out.begin_object().field("name", row.name).field("version", row.version).field("state", state_of(row));
  write_pairs(out, "provides", provides_of(row));
  if (row.installed) {
    if (whole && row.yanked) out.field("yanked", *row.yanked);
    if (whole && !row.yanked) out.key("yanked").null();
    out.key("installed").begin_object().field("image", row.installed->image.name);
    out.field("digest", to_string(row.installed->image.manifest.digest));
    out.field("size_bytes", row.installed->size_bytes).field("reproducible", row.installed->reproducible);
    if (row.record) {
      out.field("registry", row.record->registry).field("package", row.record->url);
      out.field("checksum", to_string(row.record->checksum)).field("signed_by", row.record->key_id);
    }
    if (whole) write_texts(out, "packages", packages_of(row.installed->manifest));
    out.end_object();
  }
  if (row.source) {
    const codec::RuntimeManifest& manifest = row.source->manifest;
    out.key("source").begin_object().field("directory", row.source->directory.string());
    out.field("version", manifest.version).field("description", manifest.description);
    write_texts(out, "platforms", manifest.platforms);
    write_texts(out, "packages", manifest.packages);
    if (whole) {
      write_pairs(out, "environment", row.source->recipe.environment);
      out.key("pins").begin_array();
      for (const codec::LockedDebian& pin : row.source->lock.debian)
        out.begin_object()
            .field("name", pin.name)
            .field("version", pin.version)
            .field("sha256", pin.sha256)
            .end_object();
      for (const codec::LockedNpm& pin : row.source->lock.npm)
        out.begin_object()
            .field("name", pin.name)
            .field("version", pin.version)
            .field("integrity", pin.integrity)
            .end_object();
      out.end_array();
    }
    out.end_object();
  }
  out.end_object();
}

std::string runtime_sheet(const RuntimeRow& row) {
  Sheet sheet;
  sheet.add("name", row.name);
  sheet.add("version", row.version);
  sheet.add("state", state_of(row) + (row.yanked.value_or(false) ? ", yanked: its publisher says that it is bad" : ""));
  sheet.add("provides", pairs(provides_of(row)));
  if (row.source) sheet.add("description", row.source->manifest.description);
  if (row.source) sheet.add("platforms", fmt::format("{}", fmt::join(row.source->manifest.platforms, ", ")));
  if (row.installed) {
    sheet.add("image", row.installed->image.name);
    sheet.add("digest", to_string(row.installed->image.manifest.digest));
    sheet.add("size", format_size(row.installed->size_bytes));
    if (row.record) {
      sheet.add("registry", row.record->registry);
      sheet.add("package", row.record->url);
      sheet.add("checksum", to_string(row.record->checksum));
      sheet.add("signed by", row.record->key_id.empty() ? "nobody was asked for" : row.record->key_id);
    }
    for (const std::string& package : packages_of(row.installed->manifest)) sheet.add("holds", package);
    sheet.add("reproducible", row.installed->reproducible ? "yes" : "no: a pin had vanished when it was built");
  }
  if (row.source) {
    sheet.add("source", row.source->directory.string());
    for (const auto& [name, value] : row.source->recipe.environment) sheet.add("env", name + "=" + value);
    for (const codec::LockedNpm& pin : row.source->lock.npm) sheet.add("pin", pin.name + "@" + pin.version + " (npm)");
    for (const codec::LockedDebian& pin : row.source->lock.debian) sheet.add("pin", pin.name + "=" + pin.version);
  }
  return sheet.text();
}

}  // namespace

std::string state_of(const RuntimeRow& row) {
  if (!row.installed) return "source";
  const std::string built_from = runtimes::annotation(row.installed->manifest.annotations, runtimes::kSourceAnnotation);
  return row.source && built_from != to_string(digest_of(*row.source)) ? "changed" : "installed";
}

std::string render_runtimes(const std::vector<RuntimeRow>& rows, OutputFormat format) {
  std::string names;
  JsonWriter out;
  Table table{{"NAME", "VERSION", "STATE", "PROVIDES", "SIZE", "DIGEST"}, {}};
  if (format == OutputFormat::kWide) table.headings.emplace_back("SOURCE");
  switch (format) {
    case OutputFormat::kTable:
    case OutputFormat::kWide:
      for (const RuntimeRow& row : rows) {
        const auto& installed = row.installed;
        const std::string digest = installed ? short_digest(installed->image.manifest.digest) : "";
        table.rows.push_back({row.name, row.version, state_of(row), pairs(provides_of(row)),
                              installed ? format_size(installed->size_bytes) : "", digest});
        if (format == OutputFormat::kWide)
          table.rows.back().emplace_back(row.source ? row.source->directory.string() : "");
      }
      return render(table, false);
    case OutputFormat::kName:
      for (const RuntimeRow& row : rows) names += row.name + "@" + row.version + "\n";
      return names;
    case OutputFormat::kJson:
    case OutputFormat::kYaml:
      break;
  }
  out.begin_object().key("items").begin_array();
  for (const RuntimeRow& row : rows) write_runtime(out, row, false);
  return document_in(format, out.end_array().end_object().take());
}

std::string render_runtime(const RuntimeRow& row, OutputFormat format) {
  JsonWriter out;
  switch (format) {
    case OutputFormat::kTable:
    case OutputFormat::kWide:
      return runtime_sheet(row);
    case OutputFormat::kName:
      return render_runtimes({row}, format);
    case OutputFormat::kJson:
    case OutputFormat::kYaml:
      break;
  }
  write_runtime(out, row, true);
  return document_in(format, out.take());
}

}  // namespace unik::cli

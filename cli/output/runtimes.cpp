#include "cli/output/runtimes.hpp"

#include "cli/output/document.hpp"
#include "cli/output/images.hpp"
#include "cli/output/table.hpp"
#include "codec/json_writer.hpp"
#include "runtimes/lib/runtime/runtime_build.hpp"

namespace unik::cli {
namespace {

using codec::JsonWriter;

constexpr std::size_t kHexShown = 12;

std::string annotation(const runtimes::InstalledRuntime& installed, std::string_view key) {
  const auto it = installed.manifest.annotations.find(std::string(key));
  return it == installed.manifest.annotations.end() ? "" : it->second;
}

std::map<std::string, std::string> provides_of(const RuntimeRow& row) {
  if (row.installed) return runtimes::parse_provides(annotation(*row.installed, runtimes::kProvidesAnnotation));
  return row.source ? row.source->manifest.provides : std::map<std::string, std::string>();
}

std::string pairs(const std::map<std::string, std::string>& map) {
  std::string text;
  for (const auto& [name, value] : map) text += (text.empty() ? "" : ", ") + name + " " + value;
  return text;
}

std::string words(const std::vector<std::string>& texts) {
  std::string line;
  for (const std::string& text : texts) line += (line.empty() ? "" : ", ") + text;
  return line;
}

void write_pairs(JsonWriter& out, std::string_view key, const std::map<std::string, std::string>& map) {
  out.key(key).begin_object();
  for (const auto& [name, value] : map) out.field(name, value);
  out.end_object();
}

void write_texts(JsonWriter& out, std::string_view key, const std::vector<std::string>& texts) {
  out.key(key).begin_array();
  for (const std::string& text : texts) out.text(text);
  out.end_array();
}

void write_row(JsonWriter& out, const RuntimeRow& row, bool whole) {
  out.begin_object().field("name", row.name).field("version", row.version).field("state", state_of(row));
  write_pairs(out, "provides", provides_of(row));
  if (row.installed) {
    out.key("installed").begin_object().field("image", row.installed->image.name);
    out.field("digest", to_string(row.installed->image.manifest.digest));
    out.field("size_bytes", row.installed->size_bytes).field("reproducible", row.installed->reproducible);
    if (row.record) {
      out.field("registry", row.record->registry).field("package", row.record->url);
      out.field("checksum", to_string(row.record->checksum)).field("signed_by", row.record->key_id);
    }
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

std::string sheet_of(const RuntimeRow& row) {
  Table facts;
  const auto add = [&](const std::string& name, std::string value) {
    if (!value.empty()) facts.rows.push_back({Cell(name), Cell(std::move(value))});
  };
  add("name", row.name);
  add("version", row.version);
  add("state", state_of(row));
  add("provides", pairs(provides_of(row)));
  if (row.source) add("description", row.source->manifest.description);
  if (row.source) add("platforms", words(row.source->manifest.platforms));
  if (row.installed) {
    add("image", row.installed->image.name);
    add("digest", to_string(row.installed->image.manifest.digest));
    add("size", format_size(row.installed->size_bytes));
    if (row.record) {
      add("registry", row.record->registry);
      add("package", row.record->url);
      add("checksum", to_string(row.record->checksum));
      add("signed by", row.record->key_id.empty() ? "nobody was asked for" : row.record->key_id);
    }
    add("reproducible", row.installed->reproducible ? "yes" : "no: a pin had vanished when it was built");
  }
  if (row.source) {
    add("source", row.source->directory.string());
    for (const auto& [name, value] : row.source->recipe.environment) add("env", name + "=" + value);
    for (const codec::LockedNpm& pin : row.source->lock.npm) add("pin", pin.name + "@" + pin.version + " (npm)");
    for (const codec::LockedDebian& pin : row.source->lock.debian) add("pin", pin.name + "=" + pin.version);
  }
  return render(facts, false);
}

std::string in(OutputFormat format, const std::string& json) {
  return format == OutputFormat::kYaml ? yaml_of(json) : pretty_json(json);
}

}  // namespace

std::string state_of(const RuntimeRow& row) {
  if (!row.installed) return "source";
  const std::string built_from = annotation(*row.installed, runtimes::kSourceAnnotation);
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
        const std::string digest = installed ? to_hex(installed->image.manifest.digest).substr(0, kHexShown) : "";
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
  for (const RuntimeRow& row : rows) write_row(out, row, false);
  return in(format, out.end_array().end_object().take());
}

std::string render_runtime(const RuntimeRow& row, OutputFormat format) {
  JsonWriter out;
  switch (format) {
    case OutputFormat::kTable:
    case OutputFormat::kWide:
      return sheet_of(row);
    case OutputFormat::kName:
      return render_runtimes({row}, format);
    case OutputFormat::kJson:
    case OutputFormat::kYaml:
      break;
  }
  write_row(out, row, true);
  return in(format, out.take());
}

}  // namespace unik::cli

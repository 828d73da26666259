#include "cli/output/runtime_releases.hpp"

#include <fmt/format.h>

#include "cli/output/document.hpp"
#include "cli/output/images.hpp"
#include "cli/output/table.hpp"
#include "codec/json_writer.hpp"
#include "runtimes/lib/signature/minisign.hpp"

namespace unik::cli {
namespace {

using codec::JsonWriter;

std::string platforms_of(const runtimes::RuntimeRelease& release) {
  return fmt::format("{}", fmt::join(release.platforms, ", "));
}

std::string release_state(const ReleaseRow& row) {
  const std::string installed = row.installed ? "installed" : "";
  if (!row.release.yanked) return installed;
  return row.installed ? "installed, yanked" : "yanked";
}

// Who says to have signed it: that it is so, only an install finds out.
std::string signer_of(const ReleaseRow& row) {
  const auto signature = runtimes::parse_signature(row.release.signature);
  return signature ? to_string(signature->id) : "";
}

void write_release(JsonWriter& out, const ReleaseRow& row) {
  const runtimes::RuntimeRelease& release = row.release;
  out.begin_object().field("name", row.name).field("version", to_string(release.version));
  out.field("registry", row.registry).field("installed", row.installed).field("yanked", release.yanked);
  out.field("description", release.description).field("download_url", release.download_url);
  out.field("checksum", to_string(release.checksum)).field("size_bytes", release.size);
  write_texts(out, "platforms", release.platforms);
  if (release.image_digest) out.field("image_digest", to_string(*release.image_digest));
  if (!release.signature.empty()) out.field("signed_by", signer_of(row));
  if (!release.released_at.empty()) out.field("released_at", release.released_at);
  out.end_object();
}

std::string release_sheet(const ReleaseRow& row) {
  Sheet sheet;
  sheet.add("name", row.name);
  sheet.add("version", to_string(row.release.version));
  sheet.add("state", row.installed || row.release.yanked ? release_state(row) : "in a registry");
  sheet.add("description", row.release.description);
  sheet.add("platforms", platforms_of(row.release));
  sheet.add("registry", row.registry);
  sheet.add("package", row.release.download_url);
  sheet.add("size", format_size(row.release.size));
  sheet.add("checksum", to_string(row.release.checksum));
  if (row.release.image_digest) sheet.add("digest", to_string(*row.release.image_digest));
  if (!row.release.signature.empty()) sheet.add("signature", "claims to be signed by " + signer_of(row));
  sheet.add("released", row.release.released_at);
  return sheet.text();
}

}  // namespace

std::string render_releases(const std::vector<ReleaseRow>& rows, OutputFormat format) {
  std::string names;
  JsonWriter out;
  Table table{{"NAME", "VERSION", "STATE", "PLATFORMS", "SIZE", "REGISTRY"}, {}};
  if (format == OutputFormat::kWide) table.headings.emplace_back("DESCRIPTION");
  switch (format) {
    case OutputFormat::kTable:
    case OutputFormat::kWide:
      for (const ReleaseRow& row : rows) {
        table.rows.push_back({row.name, to_string(row.release.version), release_state(row), platforms_of(row.release),
                              format_size(row.release.size), row.registry});
        if (format == OutputFormat::kWide) table.rows.back().emplace_back(row.release.description);
      }
      return render(table, false);
    case OutputFormat::kName:
      for (const ReleaseRow& row : rows) names += row.name + "@" + to_string(row.release.version) + "\n";
      return names;
    case OutputFormat::kJson:
    case OutputFormat::kYaml:
      break;
  }
  out.begin_object().key("items").begin_array();
  for (const ReleaseRow& row : rows) write_release(out, row);
  return document_in(format, out.end_array().end_object().take());
}

std::string render_release(const ReleaseRow& row, OutputFormat format) {
  JsonWriter out;
  switch (format) {
    case OutputFormat::kTable:
    case OutputFormat::kWide:
      return release_sheet(row);
    case OutputFormat::kName:
      return render_releases({row}, format);
    case OutputFormat::kJson:
    case OutputFormat::kYaml:
      break;
  }
  write_release(out, row);
  return document_in(format, out.take());
}

std::string render_outdated(const std::vector<OutdatedRow>& rows, OutputFormat format) {
  std::string names;
  JsonWriter out;
  Table table{{"NAME", "INSTALLED", "LATEST", "REGISTRY"}, {}};
  switch (format) {
    case OutputFormat::kTable:
    case OutputFormat::kWide:
      for (const OutdatedRow& row : rows)
        table.rows.push_back({row.name, row.installed + (row.yanked ? " (yanked)" : ""), row.latest, row.registry});
      return render(table, false);
    case OutputFormat::kName:
      for (const OutdatedRow& row : rows) names += row.name + "\n";
      return names;
    case OutputFormat::kJson:
    case OutputFormat::kYaml:
      break;
  }
  out.begin_object().key("items").begin_array();
  for (const OutdatedRow& row : rows)
    out.begin_object()
        .field("name", row.name)
        .field("installed", row.installed)
        .field("latest", row.latest)
        .field("registry", row.registry)
        .field("yanked", row.yanked)
        .end_object();
  return document_in(format, out.end_array().end_object().take());
}

}  // namespace unik::cli

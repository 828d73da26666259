#include "cli/output/table.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace unik::cli {
namespace {

constexpr std::size_t kGap = 3;

std::string shown(const Cell& cell) {
  return cell.text.empty() ? "-" : printable(cell.text);
}

}  // namespace

std::string render(const Table& table, bool colour) {
  std::vector<std::size_t> widths;
  const auto measure = [&widths](std::size_t column, std::size_t width) {
    if (widths.size() <= column) widths.resize(column + 1, 0);
    widths[column] = std::max(widths[column], width);
  };
  for (std::size_t i = 0; i < table.headings.size(); ++i) measure(i, width_of(table.headings[i]));
  for (const auto& row : table.rows)
    for (std::size_t i = 0; i < row.size(); ++i) measure(i, width_of(shown(row[i])));

  std::string text;
  const auto put = [&](const std::string& cell, Colour cell_colour, std::size_t column, bool last) {
    text += paint(cell, cell_colour, colour);
    if (!last) text.append(widths[column] - width_of(cell) + kGap, ' ');
  };
  for (std::size_t i = 0; i < table.headings.size(); ++i)
    put(table.headings[i], Colour::kBold, i, i + 1 == table.headings.size());
  if (!table.headings.empty()) text += '\n';
  for (const auto& row : table.rows) {
    for (std::size_t i = 0; i < row.size(); ++i) put(shown(row[i]), row[i].colour, i, i + 1 == row.size());
    text += '\n';
  }
  return text;
}

void Sheet::add(const std::string& name, std::string value) {
  if (!value.empty()) facts_.rows.push_back({Cell(name), Cell(std::move(value))});
}

}  // namespace unik::cli

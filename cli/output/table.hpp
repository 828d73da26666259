// Columns of text, as kubectl prints them: headings in capitals, three spaces between, no space at a line's end.
#pragma once

#include <string>
#include <vector>

#include "cli/output/colour.hpp"

namespace unik::cli {

struct Cell {
  std::string text;
  Colour colour = Colour::kNone;

  Cell(std::string cell_text, Colour cell_colour = Colour::kNone) : text(std::move(cell_text)), colour(cell_colour) {}
  bool operator==(const Cell&) const = default;
};

// Each row holds as many cells as there are headings. No headings: rows alone.
struct Table {
  std::vector<std::string> headings;
  std::vector<std::vector<Cell>> rows;
};

// Ends with a newline; empty for a table without headings and rows. An empty cell is shown as `-`.
std::string render(const Table& table, bool colour);

// What is known of one thing: a name and a value a row, without rows for what is empty.
class Sheet {
 public:
  void add(const std::string& name, std::string value);
  std::string text() const { return render(facts_, false); }

 private:
  Table facts_;
};

}  // namespace unik::cli

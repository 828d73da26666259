// One parsed document, YAML or JSON alike, in its smallest form: kinds, texts and where each began.
//
// Inside the codec only. Nodes and their texts live in the Tree's arena and die with it, or with `clear`. Scalars are
// kept as written, since it is the field that decides what a scalar means; JSON's numbers, booleans and null are
// plain scalars, its strings texts. An alias shares the children of its anchor, so that a tree never grows by aliases;
// what following them would cost is counted and bounded instead.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace unik::codec {

enum class NodeKind : std::uint8_t {
  kPlain,     // an unquoted scalar
  kText,      // a quoted or block scalar
  kSequence,  // `child` and its `next`s are the elements
  kMapping,   // `child` and its `next`s are key, value, key, value ...
};

struct TreeNode {
  NodeKind kind = NodeKind::kPlain;
  std::uint32_t offset = 0;  // of its first byte in the source
  std::uint32_t size = 0;    // bytes of a scalar's text, elements of a sequence, members of a mapping
  const char* data = nullptr;
  const TreeNode* child = nullptr;
  const TreeNode* next = nullptr;

  std::string_view text() const { return {data, size}; }
  bool is_scalar() const { return kind == NodeKind::kPlain || kind == NodeKind::kText; }
};

// Nothing, `~` or `null`, unquoted.
bool is_null(const TreeNode& node);

// That kMaxNesting is passed.
std::string nesting_fault();

// What is wrong with a document before any field is looked at.
struct Problem {
  std::uint32_t offset = 0;
  std::string message;
};

// The place of an offset, both counted from 1; columns in characters.
struct Place {
  int line = 1;
  int column = 1;
};
Place place_in(std::string_view source, std::size_t offset);

// Takes a parser's events. `false` says that the document cannot be read any further; why is the last of `problems`.
class Tree {
 public:
  static constexpr std::size_t kMaxAliasedCost = std::size_t{4}
                                                 << 20;  // nodes and bytes that aliases add to a document

  Tree() = default;
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  void clear();

  bool begin(NodeKind kind, std::uint32_t offset, std::size_t anchor = 0);
  bool end();
  bool scalar(NodeKind kind, std::uint32_t offset, std::string_view text, std::size_t anchor = 0);
  bool alias(std::uint32_t offset, std::size_t anchor);
  bool fail(std::uint32_t offset, std::string message);      // always false
  void complain(std::uint32_t offset, std::string message);  // reading goes on

  const TreeNode* root() const { return root_; }
  const TreeNode* last_scalar() const { return last_scalar_; }
  bool wants_key() const;                           // what comes next is the key of a mapping
  std::vector<std::uint32_t> open_offsets() const;  // of the mappings and sequences around it, the outermost first
  const std::vector<Problem>& problems() const { return problems_; }

 private:
  struct Open {
    TreeNode* node;
    TreeNode* last;
    std::size_t anchor;
    std::size_t cost_before;
  };
  struct Anchor {
    const TreeNode* node = nullptr;  // none while it is still open
    std::size_t cost = 0;
  };

  TreeNode* add(NodeKind kind, std::uint32_t offset);
  void remember(std::size_t anchor, const TreeNode* node, std::size_t cost);
  void check_keys(const TreeNode& mapping);

  std::pmr::monotonic_buffer_resource arena_;
  const TreeNode* root_ = nullptr;
  const TreeNode* last_scalar_ = nullptr;
  std::vector<Open> open_;
  std::vector<Anchor> anchors_;  // by the parser's number, from 1
  std::vector<Problem> problems_;
  std::vector<std::pair<std::string_view, std::uint32_t>> keys_;  // scratch of check_keys
  std::size_t cost_ = 0;
  std::size_t aliased_cost_ = 0;
};

// Reads the JSON text that begins at `from`, strictly by RFC 8259. Offsets count from the beginning of `text`. What is
// wrong is in `tree.problems()`.
bool read_json(std::string_view text, Tree& tree, std::size_t from = 0);

// Reads one YAML document; a text without content leaves `tree.root()` empty.
bool read_yaml(std::string_view text, Tree& tree);

}  // namespace unik::codec

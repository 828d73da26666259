// An ordered map whose copies share their pages: copying is one reference count, writing copies one page of at most 128
// rows and the list of pages.
//
// This is what makes World a value: the loop works on a copy, readers hold one, and a commit that failed is undone by
// dropping one. Keys are kept in order, so iteration is deterministic and a range of keys is an index.
//
// A map is written by one thread; copies of it may be read and dropped by others at the same time. Iterators and
// pointers are valid until the next write to the same map object.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace unik::controller {

template <typename Key, typename Value>
class CowMap {
 public:
  using Row = std::pair<Key, Value>;
  static constexpr std::size_t kPageRows = 128;

  class Iterator {
   public:
    using value_type = Row;
    using difference_type = std::ptrdiff_t;

    Iterator() = default;
    const Row& operator*() const { return root_->slots[page_].page->rows[row_]; }
    const Row* operator->() const { return &**this; }
    Iterator& operator++() {
      if (++row_ == root_->slots[page_].page->rows.size()) {
        row_ = 0;
        ++page_;
      }
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++*this;
      return before;
    }
    bool operator==(const Iterator& other) const { return page_ == other.page_ && row_ == other.row_; }

   private:
    friend class CowMap;
    const typename CowMap::Root* root_ = nullptr;
    std::size_t page_ = 0;
    std::size_t row_ = 0;
  };

  CowMap() : root_(std::make_shared<Root>()) {}

  std::size_t size() const { return root_->size; }
  bool empty() const { return root_->size == 0; }

  Iterator begin() const { return at(0, 0); }
  Iterator end() const { return at(root_->slots.size(), 0); }

  // The first row whose key is not less than `key`.
  Iterator lower_bound(const Key& key) const {
    if (empty()) return end();
    const std::size_t page = page_for(key);
    const std::size_t row = row_in(*root_->slots[page].page, key);
    return row == root_->slots[page].page->rows.size() ? at(page + 1, 0) : at(page, row);
  }

  // The row that is `index`th in order; the end when there are not so many.
  Iterator nth(std::size_t index) const {
    for (std::size_t page = 0; page < root_->slots.size(); ++page) {
      const std::size_t rows = root_->slots[page].page->rows.size();
      if (index < rows) return at(page, index);
      index -= rows;
    }
    return end();
  }

  // Null when there is no such row.
  const Value* find(const Key& key) const {
    if (empty()) return nullptr;
    const Page& page = *root_->slots[page_for(key)].page;
    const std::size_t row = row_in(page, key);
    return row < page.rows.size() && page.rows[row].first == key ? &page.rows[row].second : nullptr;
  }
  bool contains(const Key& key) const { return find(key) != nullptr; }

  // A row to be changed in place, or null. Other copies keep the old value.
  Value* mutate(const Key& key) {
    if (!contains(key)) return nullptr;
    Page& page = own_page(page_for(key));
    return &page.rows[row_in(page, key)].second;
  }

  // Adds the row or replaces its value.
  void set(const Key& key, Value value) {
    if (!empty() && last().first < key) return append(key, std::move(value));
    if (Value* const row = mutate(key)) {
      *row = std::move(value);
      return;
    }
    Root& root = own_root();
    if (root.slots.empty()) root.slots.push_back({key, std::make_shared<Page>()});
    std::size_t index = page_for(key);
    if (root.slots[index].page->rows.size() == kPageRows) {
      split(index);
      index = page_for(key);
    }
    Page& page = own_page(index);
    // A page has no room for more rows than it may ever hold.
    if (page.rows.size() == page.rows.capacity()) page.rows.reserve(std::min(kPageRows, 2 * page.rows.size() + 1));
    page.rows.insert(page.rows.begin() + static_cast<std::ptrdiff_t>(row_in(page, key)), Row(key, std::move(value)));
    root.slots[index].first = page.rows.front().first;
    ++root.size;
  }

  // Whether there was such a row.
  bool erase(const Key& key) {
    if (!contains(key)) return false;
    const std::size_t index = page_for(key);
    Page& page = own_page(index);
    Root& root = own_root();
    page.rows.erase(page.rows.begin() + static_cast<std::ptrdiff_t>(row_in(page, key)));
    --root.size;
    if (page.rows.empty()) {
      root.slots.erase(root.slots.begin() + static_cast<std::ptrdiff_t>(index));
    } else {
      root.slots[index].first = page.rows.front().first;
    }
    return true;
  }

  bool operator==(const CowMap& other) const {
    return root_ == other.root_ || (size() == other.size() && std::equal(begin(), end(), other.begin()));
  }

 private:
  struct Page {
    std::vector<Row> rows;  // 1 to kPageRows, in order
  };
  struct Slot {
    Key first;  // of the page, so that a search touches one page only
    std::shared_ptr<Page> page;
  };
  struct Root {
    std::vector<Slot> slots;
    std::size_t size = 0;
  };

  Iterator at(std::size_t page, std::size_t row) const {
    Iterator it;
    it.root_ = root_.get();
    it.page_ = page;
    it.row_ = row;
    return it;
  }

  // The page that holds `key` or would; there is at least one page.
  std::size_t page_for(const Key& key) const {
    const auto after = std::upper_bound(root_->slots.begin(), root_->slots.end(), key,
                                        [](const Key& wanted, const Slot& slot) { return wanted < slot.first; });
    return after == root_->slots.begin() ? 0 : static_cast<std::size_t>(after - root_->slots.begin()) - 1;
  }

  static std::size_t row_in(const Page& page, const Key& key) {
    const auto found = std::lower_bound(page.rows.begin(), page.rows.end(), key,
                                        [](const Row& row, const Key& wanted) { return row.first < wanted; });
    return static_cast<std::size_t>(found - page.rows.begin());
  }

  // A count of one cannot grow behind our back, since only a holder can copy. The fence pairs with the release of the
  // reader that dropped the last other reference: its reads come before our writes.
  template <typename T>
  static bool sole_owner(const std::shared_ptr<T>& pointer) {
    if (pointer.use_count() != 1) return false;
    std::atomic_thread_fence(std::memory_order_acquire);
    return true;
  }

  Root& own_root() {
    if (!sole_owner(root_)) root_ = std::make_shared<Root>(*root_);
    return *root_;
  }

  Page& own_page(std::size_t index) {
    std::shared_ptr<Page>& page = own_root().slots[index].page;
    if (!sole_owner(page)) page = std::make_shared<Page>(*page);
    return *page;
  }

  const Row& last() const { return root_->slots.back().page->rows.back(); }

  // A table that is read in order is built without a search for each of its rows.
  void append(const Key& key, Value value) {
    Root& root = own_root();
    ++root.size;
    if (root.slots.back().page->rows.size() == kPageRows) {
      root.slots.push_back({key, std::make_shared<Page>()});
      root.slots.back().page->rows.reserve(kPageRows);
    }
    own_page(root.slots.size() - 1).rows.emplace_back(key, std::move(value));
  }

  // In two halves, each as large as its rows. Rows that arrive in order are appended, and leave full pages behind.
  void split(std::size_t index) {
    Root& root = own_root();
    const std::vector<Row>& rows = root.slots[index].page->rows;
    const auto middle = rows.begin() + static_cast<std::ptrdiff_t>(rows.size() / 2);
    auto left = std::make_shared<Page>(Page{{rows.begin(), middle}});
    auto right = std::make_shared<Page>(Page{{middle, rows.end()}});
    const Key first = right->rows.front().first;
    root.slots[index].page = std::move(left);
    root.slots.insert(root.slots.begin() + static_cast<std::ptrdiff_t>(index) + 1, Slot{first, std::move(right)});
  }

  std::shared_ptr<Root> root_;
};

}  // namespace unik::controller

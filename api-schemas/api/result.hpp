// What a fallible function returns: a value, or the Error that says why there is none.
#pragma once

#include <type_traits>
#include <utility>
#include <variant>

#include "api/check.hpp"
#include "api/error.hpp"

namespace unik {

// Asking for the side that is not there is a programmer error and ends the process.
template <typename T>
class [[nodiscard]] Result {
  static_assert(!std::is_same_v<std::remove_cvref_t<T>, Error>, "a Result's value is never an Error");

 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  const T& value() const& {
    UNIK_CHECK(ok(), "the value of a failed Result");
    return *std::get_if<0>(&state_);
  }
  T& value() & {
    UNIK_CHECK(ok(), "the value of a failed Result");
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    UNIK_CHECK(ok(), "the value of a failed Result");
    return std::move(*std::get_if<0>(&state_));
  }
  const T& operator*() const& { return value(); }
  T& operator*() & { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  const T* operator->() const { return &value(); }
  T* operator->() { return &value(); }

  const Error& error() const& {
    UNIK_CHECK(!ok(), "the error of a Result that holds a value");
    return *std::get_if<1>(&state_);
  }
  Error&& error() && {
    UNIK_CHECK(!ok(), "the error of a Result that holds a value");
    return std::move(*std::get_if<1>(&state_));
  }

 private:
  std::variant<T, Error> state_;
};

// For functions that succeed with nothing to say: `return {};` or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)), ok_(false) {}

  bool ok() const { return ok_; }
  explicit operator bool() const { return ok_; }

  const Error& error() const& {
    UNIK_CHECK(!ok_, "the error of a Result that succeeded");
    return error_;
  }
  Error&& error() && {
    UNIK_CHECK(!ok_, "the error of a Result that succeeded");
    return std::move(error_);
  }

 private:
  Error error_;
  bool ok_ = true;
};

}  // namespace unik

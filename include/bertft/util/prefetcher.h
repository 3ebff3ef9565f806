#pragma once

#include <functional>
#include <future>
#include <utility>

namespace bertft {

/// Values that are asked for one after another, the next of which is made on a thread of its own meanwhile.
template <class Key, class Value>
class Prefetcher {
 public:
  /// `make` is called by one thread at a time; what it uses must outlive this.
  explicit Prefetcher(std::function<Value(const Key&)> make) : make_(std::move(make)) {}
  Prefetcher(const Prefetcher&) = delete;  // its thread knows it by its place
  Prefetcher& operator=(const Prefetcher&) = delete;

  /// The value of `key`: the one made ahead where that is it. throws what `make` has thrown
  Value take(const Key& key) {
    if (next_.valid()) {
      Value ahead = next_.get();
      if (next_key_ == key) return ahead;
    }  // what nobody wants is gone before another is made: together they would take twice the memory
    return make_(key);
  }

  /// Begins to make the value that will be asked for next; once take() has returned.
  void begin(const Key& key) {
    next_key_ = key;
    next_ = std::async([this] { return make_(next_key_); });
  }

 private:
  std::function<Value(const Key&)> make_;
  Key next_key_{};
  std::future<Value> next_;  // last: its end is waited for before the rest goes
};

}  // namespace bertft

#pragma once
// Pickles as data: a stack machine of the opcodes that torch.save writes (protocols 2 to 5). Nothing is executed or
// imported: a name stands for itself, and one that is not on the caller's list is refused.
// Source: the opcode table of Python's pickletools module.
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace automask::models {

struct PickleValue {
  enum class Kind { none, boolean, integer, real, text, bytes, tuple, list, dict, global, object, persistent, mark };
  Kind kind = Kind::none;
  std::int64_t integer = 0;  // integer; boolean as 0 or 1; global: its place in the caller's list
  double real = 0;
  std::string_view text;  // text and bytes, inside the pickle
  // tuple, list: the items. dict: key, value, key, value, ... object: the global called and its tuple of arguments.
  // persistent: its id.
  std::vector<const PickleValue*> items;

  bool is(Kind k) const { return kind == k; }
  // The last value under a text key of a dict; nullptr where there is none.
  const PickleValue* find(std::string_view key) const;
};

struct Pickle {
  std::deque<PickleValue> values;  // all of them; items point into this, so cycles and deep nesting do no harm
  const PickleValue* root = nullptr;
  std::size_t bytes = 0;  // the pickle's length, up to and with its STOP
};

// Reads the pickle at the start of `bytes`, which must outlive the result. `allowed`: "module.name" of every global.
// "collections.OrderedDict", where allowed, becomes a dict; state set on an object is dropped. Error(corrupt) says
// where and what. Takes at most about 100 times the memory of the pickle, and never more than for 4 million values.
Pickle read_pickle(std::string_view bytes, const std::vector<std::string>& allowed, const std::string& where);

}  // namespace automask::models

#include "models/pickle.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <unordered_map>

#include "core/error.h"

namespace automask::models {
namespace {

using Kind = PickleValue::Kind;

// A state dict has about 20 values a tensor.
constexpr std::size_t most_values = 4'000'000;
// References between values: more than these come only from pickles made to fill the memory.
constexpr std::size_t most_references = 16'000'000;
constexpr std::string_view ordered_dict = "collections.OrderedDict";

class Machine {
 public:
  Machine(std::string_view bytes, const std::vector<std::string>& allowed, const std::string& where)
      : bytes_(bytes), allowed_(allowed), where_(where) {}

  Pickle run() {
    while (step()) {
    }
    if (stack_.size() != 1) fail("ends with " + std::to_string(stack_.size()) + " values on its stack");
    result_.root = pop();
    result_.bytes = at_;
    return std::move(result_);
  }

 private:
  [[noreturn]] void fail(const std::string& fault) const {
    throw core::Error(core::ExitCode::corrupt, where_ + ": byte " + std::to_string(opcode_at_), fault,
                      "the file is damaged or no saved state dict; save model.state_dict() with torch.save");
  }

  std::string_view take(std::uint64_t count) {
    if (count > bytes_.size() - at_) fail("the pickle reaches past its end");
    const std::string_view taken = bytes_.substr(at_, count);
    at_ += count;
    return taken;
  }
  // An unsigned little-endian number of `size` bytes.
  std::uint64_t number(std::size_t size) {
    std::uint64_t value = 0;
    std::memcpy(&value, take(size).data(), size);
    return value;
  }
  std::string_view line() {
    const std::size_t end = bytes_.find('\n', at_);
    if (end == std::string_view::npos) fail("a line has no end");
    const std::string_view taken = take(end - at_);
    ++at_;
    return taken;
  }

  PickleValue& make(Kind kind) {
    if (result_.values.size() >= most_values) fail("the pickle holds more than 4 million values");
    PickleValue& value = result_.values.emplace_back();
    value.kind = kind;
    return value;
  }
  void push(PickleValue& value) { stack_.push_back(&value); }
  void push_integer(Kind kind, std::int64_t integer) {
    PickleValue& value = make(kind);
    value.integer = integer;
    push(value);
  }
  void push_text(Kind kind, std::string_view text) {
    PickleValue& value = make(kind);
    value.text = text;
    push(value);
  }
  PickleValue* top() {
    if (stack_.empty() || stack_.back()->is(Kind::mark)) fail("takes from an empty stack");
    return stack_.back();
  }
  PickleValue* pop() {
    PickleValue* value = top();
    stack_.pop_back();
    return value;
  }
  // What stands above the last mark, which goes too.
  std::vector<const PickleValue*> pop_to_mark() {
    std::size_t mark = stack_.size();
    while (mark > 0 && !stack_[mark - 1]->is(Kind::mark)) --mark;
    if (mark == 0) fail("takes to a mark that is not there");
    std::vector<const PickleValue*> items(stack_.begin() + static_cast<std::ptrdiff_t>(mark), stack_.end());
    stack_.resize(mark - 1);
    return items;
  }

  void push_tuple(std::size_t count) {
    PickleValue& tuple = make(Kind::tuple);
    for (std::size_t i = 0; i < count; ++i) tuple.items.push_back(pop());
    std::reverse(tuple.items.begin(), tuple.items.end());
    push(tuple);
  }
  void push_items(Kind kind, std::vector<const PickleValue*> items) {
    if (kind == Kind::dict && items.size() % 2 != 0) fail("a key has no value");
    PickleValue& value = make(kind);
    value.items = std::move(items);
    push(value);
  }
  void extend(Kind kind, const std::vector<const PickleValue*>& items) {
    PickleValue* value = top();
    if (!value->is(kind)) fail(kind == Kind::dict ? "sets items of no dict" : "appends to no list");
    if (kind == Kind::dict && items.size() % 2 != 0) fail("a key has no value");
    value->items.insert(value->items.end(), items.begin(), items.end());
  }

  void push_global(std::string_view module, std::string_view name) {
    const std::string full = std::string(module) + "." + std::string(name);
    const auto found = std::find(allowed_.begin(), allowed_.end(), full);
    if (found == allowed_.end()) fail("asks for " + full.substr(0, 200) + ", which is refused: only tensors are read");
    push_integer(Kind::global, found - allowed_.begin());
  }
  const std::string& name_of(const PickleValue& global) const {
    return allowed_[static_cast<std::size_t>(global.integer)];
  }

  void reduce() {
    PickleValue* arguments = pop();
    PickleValue* called = pop();
    if (!called->is(Kind::global) || !arguments->is(Kind::tuple)) fail("calls what is no name, or without arguments");
    if (name_of(*called) != ordered_dict) {
      push_items(Kind::object, {called, arguments});
      return;
    }
    PickleValue& dict = make(Kind::dict);
    if (!arguments->items.empty()) {  // a list of pairs, as Python 2 wrote it
      for (const PickleValue* pair : arguments->items.front()->items) {
        if (pair->items.size() != 2) fail("OrderedDict is given no pairs");
        if ((references_ += 2) > most_references) fail("the pickle holds more than 16 million references");
        dict.items.insert(dict.items.end(), pair->items.begin(), pair->items.end());
      }
    }
    push(dict);
  }

  void build() {
    pop();  // e.g. a state dict's _metadata: versions of modules, no weights
    if (!top()->is(Kind::dict) && !top()->is(Kind::object)) fail("sets the state of what is no object");
  }

  void memoize(std::uint64_t place) { memo_[place] = top(); }
  void recall(std::uint64_t place) {
    const auto found = memo_.find(place);
    if (found == memo_.end()) fail("recalls value " + std::to_string(place) + ", which was never kept");
    stack_.push_back(found->second);
  }

  void push_long(std::uint64_t size) {
    const std::string_view digits = take(size);
    // Only the magic number of legacy files is longer than 8 bytes; it is compared as bytes.
    if (size > 8) return push_text(Kind::bytes, digits);
    std::uint64_t value = !digits.empty() && (digits.back() & '\x80') != 0 ? ~std::uint64_t{0} : 0;
    std::memcpy(&value, digits.data(), digits.size());
    push_integer(Kind::integer, static_cast<std::int64_t>(value));
  }
  void push_real() {
    std::uint64_t big_endian = 0;
    for (const char byte : take(8)) big_endian = big_endian << 8U | static_cast<unsigned char>(byte);
    PickleValue& value = make(Kind::real);
    value.real = std::bit_cast<double>(big_endian);
    push(value);
  }

  bool step();

  std::string_view bytes_;
  const std::vector<std::string>& allowed_;
  const std::string& where_;
  std::size_t at_ = 0, opcode_at_ = 0;
  std::size_t references_ = 0;  // copied from value to value
  Pickle result_;
  std::vector<PickleValue*> stack_;
  std::unordered_map<std::uint64_t, PickleValue*> memo_;
};

// One opcode; false at STOP.
bool Machine::step() {
  opcode_at_ = at_;
  const auto opcode = static_cast<unsigned char>(take(1)[0]);
  switch (opcode) {
    case 0x80: {  // PROTO
      const std::uint64_t protocol = number(1);
      if (protocol < 2 || protocol > 5) fail("is of pickle protocol " + std::to_string(protocol) + ", 2 to 5 are read");
      return true;
    }
    case 0x95:  // FRAME
      number(8);
      return true;
    case '.':  // STOP
      return false;
    case '(':  // MARK
      push(make(Kind::mark));
      return true;
    case '0':  // POP, which takes a mark too
      if (!stack_.empty() && stack_.back()->is(Kind::mark))
        stack_.pop_back();
      else
        pop();
      return true;
    case '1':  // POP_MARK
      pop_to_mark();
      return true;
    case '2':  // DUP
      stack_.push_back(top());
      return true;

    case 'N':  // NONE
      push(make(Kind::none));
      return true;
    case 0x88:  // NEWTRUE
      push_integer(Kind::boolean, 1);
      return true;
    case 0x89:  // NEWFALSE
      push_integer(Kind::boolean, 0);
      return true;
    case 'J':  // BININT
      push_integer(Kind::integer, static_cast<std::int32_t>(static_cast<std::uint32_t>(number(4))));
      return true;
    case 'K':  // BININT1
      push_integer(Kind::integer, static_cast<std::int64_t>(number(1)));
      return true;
    case 'M':  // BININT2
      push_integer(Kind::integer, static_cast<std::int64_t>(number(2)));
      return true;
    case 0x8a:  // LONG1
      push_long(number(1));
      return true;
    case 0x8b:  // LONG4
      push_long(number(4));
      return true;
    case 'G':  // BINFLOAT
      push_real();
      return true;

    case 'X':  // BINUNICODE
    case 'T':  // BINSTRING, a str of Python 2
      push_text(Kind::text, take(number(4)));
      return true;
    case 0x8c:  // SHORT_BINUNICODE
    case 'U':   // SHORT_BINSTRING
      push_text(Kind::text, take(number(1)));
      return true;
    case 0x8d:  // BINUNICODE8
      push_text(Kind::text, take(number(8)));
      return true;
    case 'C':  // SHORT_BINBYTES
      push_text(Kind::bytes, take(number(1)));
      return true;
    case 'B':  // BINBYTES
      push_text(Kind::bytes, take(number(4)));
      return true;
    case 0x8e:  // BINBYTES8
      push_text(Kind::bytes, take(number(8)));
      return true;

    case ')':  // EMPTY_TUPLE
      push_tuple(0);
      return true;
    case 0x85:  // TUPLE1, TUPLE2, TUPLE3
    case 0x86:
    case 0x87:
      push_tuple(opcode - 0x84U);
      return true;
    case 't':  // TUPLE
      push_items(Kind::tuple, pop_to_mark());
      return true;
    case ']':  // EMPTY_LIST
      push(make(Kind::list));
      return true;
    case 'l':  // LIST
      push_items(Kind::list, pop_to_mark());
      return true;
    case 'a': {  // APPEND
      const PickleValue* item = pop();
      extend(Kind::list, {item});
      return true;
    }
    case 'e':  // APPENDS
      extend(Kind::list, pop_to_mark());
      return true;
    case '}':  // EMPTY_DICT
      push(make(Kind::dict));
      return true;
    case 'd':  // DICT
      push_items(Kind::dict, pop_to_mark());
      return true;
    case 's': {  // SETITEM
      const PickleValue* value = pop();
      const PickleValue* key = pop();
      extend(Kind::dict, {key, value});
      return true;
    }
    case 'u':  // SETITEMS
      extend(Kind::dict, pop_to_mark());
      return true;

    case 'q':  // BINPUT
      memoize(number(1));
      return true;
    case 'r':  // LONG_BINPUT
      memoize(number(4));
      return true;
    case 0x94:  // MEMOIZE
      memoize(memo_.size());
      return true;
    case 'h':  // BINGET
      recall(number(1));
      return true;
    case 'j':  // LONG_BINGET
      recall(number(4));
      return true;

    case 'c': {  // GLOBAL
      const std::string_view module = line();
      push_global(module, line());
      return true;
    }
    case 0x93: {  // STACK_GLOBAL
      const PickleValue* name = pop();
      const PickleValue* module = pop();
      if (!name->is(Kind::text) || !module->is(Kind::text)) fail("names a global by what is no text");
      push_global(module->text, name->text);
      return true;
    }
    case 'R':   // REDUCE
    case 0x81:  // NEWOBJ
      reduce();
      return true;
    case 'b':  // BUILD
      build();
      return true;
    case 'Q': {  // BINPERSID
      const PickleValue* id = pop();
      push_items(Kind::persistent, {id});
      return true;
    }
    default:
      break;
  }
  const char digits[] = "0123456789abcdef";
  fail(std::string("opcode 0x") + digits[opcode >> 4U] + digits[opcode & 15U] + " is none that torch.save writes");
}

}  // namespace

const PickleValue* PickleValue::find(std::string_view key) const {
  if (!is(Kind::dict)) return nullptr;
  for (std::size_t i = items.size(); i >= 2; i -= 2)
    if (items[i - 2]->is(Kind::text) && items[i - 2]->text == key) return items[i - 1];
  return nullptr;
}

Pickle read_pickle(std::string_view bytes, const std::vector<std::string>& allowed, const std::string& where) {
  return Machine(bytes, allowed, where).run();
}

}  // namespace automask::models

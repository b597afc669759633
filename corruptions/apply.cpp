#include <algorithm>
#include <bit>
#include <string>

#include "core/error.h"
#include "corruptions/corruption.h"

namespace automask::corruptions {
namespace {

// FNV-1a (Fowler, Noll, Vo) over delimited fields: strings go in with their length, numbers as eight bytes, little end
// first. SHA-256 would cost more than some operators do on a small picture.
class KeyHash {
 public:
  KeyHash& add(std::uint64_t number) {
    for (int i = 0; i < 8; ++i, number >>= 8) eat(static_cast<std::uint8_t>(number));
    return *this;
  }
  KeyHash& add(std::string_view text) {
    add(std::uint64_t{text.size()});
    for (const char c : text) eat(static_cast<std::uint8_t>(c));
    return *this;
  }
  // FNV-1a mixes its last bytes poorly; one Philox block spreads them over all bits.
  std::uint64_t key() const {
    const auto words =
        core::philox4x32_10({static_cast<std::uint32_t>(state_), static_cast<std::uint32_t>(state_ >> 32)},
                            {0x6175746Fu, 0x6D61736Bu});  // "automask"
    return std::uint64_t{words[1]} << 32 | words[0];
  }

 private:
  void eat(std::uint8_t byte) { state_ = (state_ ^ byte) * 0x100000001B3u; }
  std::uint64_t state_ = 0xCBF29CE484222325u;
};

const Operator& find_operator(const Link& link) {
  const auto& table = operators();
  const auto found = std::find_if(table.begin(), table.end(), [&](const auto& op) { return op.name == link.name; });
  if (found == table.end()) throw core::Error(core::ExitCode::internal, link.name, "has no operator");
  return *found;
}

}  // namespace

cv::Mat apply(const Condition& condition, const cv::Mat& picture, const StreamContext& context,
              std::int64_t* encoded_bytes) {
  if (picture.empty() || (picture.type() != CV_8UC1 && picture.type() != CV_8UC3))
    throw core::Error(core::ExitCode::internal, condition.canonical(), "takes gray or RGB pictures of 8 bits only");
  cv::Mat current = picture.isContinuous() ? picture : picture.clone();
  std::int64_t bytes = -1;
  std::uint64_t position = 0;
  for (const Link& link : condition.links()) {
    KeyHash hash;
    hash.add(context.seed).add(context.split).add(context.picture_id).add(position++).add(link.name);
    core::RandomStream random(hash.add(static_cast<std::uint64_t>(link.level)).key(), context.view);
    LinkContext link_context{link.level, random, &bytes, link.max_bytes, link.options, context.settings};
    current = find_operator(link).apply(current, link_context);
  }
  if (encoded_bytes != nullptr) *encoded_bytes = bytes;
  // The result belongs to the caller alone, also when nothing was done.
  return current.data == picture.data ? current.clone() : current;
}

}  // namespace automask::corruptions

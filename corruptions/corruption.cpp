#include "corruptions/corruption.h"

#include <algorithm>

#include "core/error.h"
#include "corruptions/operators.h"

namespace automask::corruptions {

const std::vector<Operator>& operators() {
  static const std::vector<Operator> table = {
      gaussian_noise,
      shot_noise,
      impulse_noise,
      speckle_noise,
      defocus_blur,
      glass_blur,
      motion_blur,
      zoom_blur,
      gaussian_blur,
      snow,
      frost,
      fog,
      spatter,
      brightness,
      low_light,
      contrast,
      saturate,
      pixelate,
      elastic_transform,
      jpeg_compression,
      jpeg,
      webp,
      jpeg2000,
      h264,
      h265,
  };
  return table;
}

core::Json parameters(const Link& link, Edition edition) {
  const auto& table = operators();
  const auto op = std::find_if(table.begin(), table.end(), [&](const Operator& o) { return o.name == link.name; });
  const auto& infos = operator_infos();
  const auto info = std::find_if(infos.begin(), infos.end(), [&](const auto& i) { return i.name == link.name; });
  if (op == table.end() || info == infos.end())
    throw core::Error(core::ExitCode::internal, link.name, "has no operator");
  core::Json json =
      link.max_bytes > 0 ? core::Json{{"max_bytes", link.max_bytes}} : op->parameters(link.level, edition);
  for (const OptionGroup& group : info->options) {
    json[group.name] = group.choices.front();
    for (const std::string& option : link.options)
      if (std::find(group.choices.begin(), group.choices.end(), option) != group.choices.end())
        json[group.name] = option;
  }
  if (op->library != nullptr) json["library"] = op->library();
  return json;
}

core::Json parameters(const Condition& condition, Edition edition) {
  core::Json chain = core::Json::array();
  for (const Link& link : condition.links()) {
    chain.push_back({{"operator", link.name}, {"parameters", parameters(link, edition)}});
    if (link.max_bytes == 0) chain.back()["level"] = link.level;
  }
  return chain;
}

}  // namespace automask::corruptions

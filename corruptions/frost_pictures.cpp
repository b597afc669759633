#include "corruptions/frost_pictures.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>

#include "core/error.h"
#include "core/philox.h"
#include "corruptions/filters.h"
#include "corruptions/portable_math.h"
#include "datasets/decode.h"

namespace automask::corruptions {
namespace {

namespace fs = std::filesystem;
using core::Error;
using core::ExitCode;

constexpr std::array published = {"frost1.png", "frost2.png", "frost3.png", "frost4.jpg", "frost5.jpg", "frost6.jpg"};

constexpr const char* remedy =
    "give the folder ImageNet-C/create_c of github.com/hendrycks/robustness, or imagecorruptions/frost of the Python "
    "package";

cv::Mat read_photograph(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream bytes;
  bytes << in.rdbuf();
  if (!in) throw Error(ExitCode::usage, file.string(), "cannot be read", remedy);
  const cv::Mat picture = datasets::decode_picture(bytes.str(), file.string());
  if (picture.channels() == 3) return picture;
  cv::Mat colour;
  cv::merge(std::vector<cv::Mat>(3, picture), colour);
  return colour;
}

std::vector<cv::Mat> read_folder(const fs::path& folder, Edition edition) {
  std::vector<fs::path> files;
  if (edition != Edition::fixed) {
    for (const char* name : published) {
      if (!fs::exists(folder / name))
        throw Error(ExitCode::usage, (folder / name).string(), "is missing: one of ImageNet-C's six frost photographs",
                    remedy);
      files.push_back(folder / name);
    }
  } else {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
      const auto extension = entry.path().extension();
      if (extension == ".png" || extension == ".jpg" || extension == ".jpeg") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    if (files.empty())
      throw Error(ExitCode::usage, folder.string(), "holds no photographs of frost (.png, .jpg, .jpeg)", remedy);
  }
  std::vector<cv::Mat> pictures;
  for (const auto& file : files) pictures.push_back(read_photograph(file));
  return pictures;
}

// Light added along lines, spread over the four nearest pixels. What leaves one side comes in at the other.
class Canvas {
 public:
  explicit Canvas(int side) : side_(side), light_(cv::Mat::zeros(side, side, CV_32F)) {}
  const cv::Mat& light() const { return light_; }

  void line(double x, double y, double dx, double dy, double length, double from, double to) {
    const int steps = std::max(1, static_cast<int>(length * 1.5));
    for (int i = 0; i < steps; ++i) {
      const double t = length * i / steps;
      dot(x + t * dx, y + t * dy, static_cast<float>((from + (to - from) * i / steps) / 1.5));
    }
  }

 private:
  void dot(double x, double y, float amount) {
    const double fx = std::floor(x), fy = std::floor(y);
    const auto wx = static_cast<float>(x - fx), wy = static_cast<float>(y - fy);
    const int left = wrapped(static_cast<int>(fx)), right = wrapped(left + 1);
    const int top = wrapped(static_cast<int>(fy)), bottom = wrapped(top + 1);
    light_.at<float>(top, left) += amount * (1 - wx) * (1 - wy);
    light_.at<float>(top, right) += amount * wx * (1 - wy);
    light_.at<float>(bottom, left) += amount * (1 - wx) * wy;
    light_.at<float>(bottom, right) += amount * wx * wy;
  }
  int wrapped(int i) const { return (i % side_ + side_) % side_; }

  int side_;
  cv::Mat light_;
};

// A fern: a bending stem with needles on both sides that stand at about 60 degrees, as ice grows, and carry needles of
// their own. Angles in turns.
void fern(Canvas& canvas, core::RandomStream& random, double x, double y, double angle, double length, double light,
          int depth) {
  constexpr double spacing = 3.0;  // pixels between needles
  const double bend = (random.uniform() - 0.5) * (depth == 2 ? 4e-4 : 1e-4);
  const int knots = std::max(1, static_cast<int>(length / spacing));
  for (int i = 0; i < knots; ++i) {
    const double left = 1 - static_cast<double>(i) / knots;  // 1 at the root, towards 0 at the tip
    const double dx = cosine(angle), dy = sine(angle);
    canvas.line(x, y, dx, dy, spacing, light, light);
    x += spacing * dx;
    y += spacing * dy;
    angle += bend * spacing;
    if (depth == 0) continue;
    for (const double side : {-1.0, 1.0}) {
      const double reach = length * left * (0.25 + 0.25 * random.uniform()) * (depth == 2 ? 1.0 : 0.7);
      const double lean = side * (0.150 + 0.025 * random.uniform());
      if (reach > 2) fern(canvas, random, x, y, angle + lean, reach, light * 0.62, depth - 1);
    }
  }
}

// Smooth unevenness in about [0, 1]: sums of noise on grids of growing fineness.
cv::Mat haze(core::RandomStream& random, int side, double sigma, double truncate) {
  cv::Mat noise(side, side, CV_32F);
  for (float& value : cv::Mat_<float>(noise)) value = 2 * random.uniform_float() - 1;
  cv::Mat smoothed = smooth(noise, sigma, sigma, truncate);
  // White noise of variance 1/3 keeps 1 / (4 pi sigma^2) of it.
  return smoothed * (0.25 * sigma * 3.545 * 1.732) + 0.5;
}

cv::Mat draw_texture(int number) {
  constexpr int side = frost_side;
  core::RandomStream random(0x66726F7374u, static_cast<std::uint64_t>(number));  // "frost"
  const cv::Mat patches = haze(random, side, 40, 3), grain = haze(random, side, 1.0, 3);

  Canvas canvas(side);
  // Ferns start together, as ice does at a scratch, and spread like a fan.
  constexpr int fans = 26;
  for (int i = 0; i < fans; ++i) {
    const double x = side * random.uniform(), y = side * random.uniform(), middle = random.uniform();
    const float dense = std::clamp(patches.at<float>(static_cast<int>(y), static_cast<int>(x)), 0.2F, 1.0F);
    const int stems = 2 + static_cast<int>(random.below(4));
    for (int k = 0; k < stems; ++k) {
      const double length = (50 + 130 * random.uniform()) * dense;
      fern(canvas, random, x, y, middle + 0.09 * (k - stems / 2) + 0.03 * random.uniform(), length,
           0.5 + 0.4 * random.uniform(), 2);
    }
  }
  // Short needles everywhere, denser in patches.
  for (int i = 0; i < 9000; ++i) {
    const double x = side * random.uniform(), y = side * random.uniform(), angle = random.uniform();
    const float dense = patches.at<float>(static_cast<int>(y), static_cast<int>(x));
    canvas.line(x, y, cosine(angle), sine(angle), 2 + 9 * random.uniform(), 0.5 * dense * dense, 0.0);
  }

  const cv::Mat sharp = canvas.light(), glow = gaussian(sharp, 3.0), wide = gaussian(sharp, 14.0);
  cv::Mat texture(side, side, CV_8UC3);
  for (int y = 0; y < side; ++y)
    for (int x = 0; x < side; ++x) {
      const auto at = [&](const cv::Mat& m, int dy, int dx) {
        return m.at<float>((y + dy + side) % side, (x + dx + side) % side);
      };
      const float patch = std::clamp(at(patches, 0, 0), 0.0F, 1.0F);
      // Relief: slopes that face the upper left catch light.
      const float slope = at(sharp, 0, 0) - at(sharp, 1, 1);
      float ice = 0.55F * at(sharp, 0, 0) + 0.5F * at(glow, 0, 0) + 0.35F * at(wide, 0, 0) + 0.25F * slope;
      ice = std::max(0.0F, ice + 0.35F * patch + 0.10F * (at(grain, 0, 0) - 0.5F));
      const float tone = ice / (0.75F + ice);  // [0, 1)
      // From a blue shade to white: blue leads in the shade, red and green catch up in the light.
      auto& pixel = texture.at<cv::Vec3b>(y, x);
      const float lead = tone * (1 - tone);
      const float shades[3] = {12 + 255 * tone - 70 * lead, 22 + 250 * tone - 10 * lead, 38 + 238 * tone + 60 * lead};
      for (int c = 0; c < 3; ++c) pixel[c] = static_cast<std::uint8_t>(std::clamp(shades[c] + 0.5F, 0.0F, 255.0F));
    }
  return texture;
}

}  // namespace

const std::vector<cv::Mat>& frost_photographs(const fs::path& folder, Edition edition) {
  static std::mutex mutex;
  static std::map<std::pair<std::string, bool>, std::vector<cv::Mat>> folders;
  const std::lock_guard lock(mutex);
  const std::pair key(folder.string(), edition == Edition::fixed);
  auto found = folders.find(key);
  if (found == folders.end()) found = folders.emplace(key, read_folder(folder, edition)).first;
  return found->second;
}

const cv::Mat& frost_texture(int number) {
  static std::array<std::once_flag, frost_textures> drawn;
  static std::array<cv::Mat, frost_textures> textures;
  const auto i = static_cast<std::size_t>(number);
  std::call_once(drawn.at(i), [&] { textures[i] = draw_texture(number); });
  return textures[i];
}

}  // namespace automask::corruptions

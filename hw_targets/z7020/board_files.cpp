#include "hw_targets/z7020/board_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "hw_targets/z7020/hls/registers.h"
#include "hw_targets/z7020/port.h"

namespace automask {
namespace z7020 {
namespace {

const char* const guide = "docs/first-board.md";

std::vector<std::string> entries(const std::string& folder) {
  std::vector<std::string> names;
  DIR* const directory = opendir(folder.c_str());
  if (directory == nullptr) return names;
  while (const dirent* entry = readdir(directory))
    if (entry->d_name[0] != '.') names.push_back(entry->d_name);
  closedir(directory);
  std::sort(names.begin(), names.end());
  return names;
}

// A file's first word; empty where it cannot be read.
std::string text_of(const std::string& file) {
  std::ifstream in(file);
  std::string text;
  in >> text;
  return text;
}

std::uint64_t number_of(const std::string& file) {
  const std::string text = text_of(file);
  char* end = nullptr;
  const std::uint64_t value = std::strtoull(text.c_str(), &end, 0);
  if (text.empty() || *end != '\0')
    throw PortError(file + ": holds no number but \"" + text + "\"; is the driver's version an old one?");
  return value;
}

File open_device(const std::string& file, int flags) {
  const int descriptor = open(file.c_str(), flags | O_RDWR | O_CLOEXEC);
  if (descriptor >= 0) return File(descriptor);
  const int error = errno;
  std::string remedy = "; look at dmesg";
  if (error == EACCES || error == EPERM)
    remedy = "; run as root, or let a udev rule give the file to your group (" + std::string(guide) + ")";
  if (error == ENOENT) remedy = "; /sys knows the device: is udev running?";
  throw PortError(file + ": cannot be opened: " + std::strerror(error) + remedy);
}

// "uio0", by the name of the device or of the file.
std::string find_uio(const std::string& root, const std::string& wanted) {
  const std::string folder = root + "/sys/class/uio";
  std::string others;
  for (const std::string& uio : entries(folder)) {
    const std::string name = text_of(folder + "/" + uio + "/name");
    if (uio == wanted || name == wanted) return uio;
    others += (others.empty() ? "" : ", ") + uio + " (" + name + ")";
  }
  throw PortError(folder + ": no UIO device is named " + wanted +
                  (others.empty() ? ", there is none at all" : "; there are " + others) +
                  ": load the bitstream with its device tree overlay, and the module uio_pdrv_genirq (" + guide + ")");
}

void use_dma_buffer(const BoardOptions& options, BoardFiles& files) {
  std::string others;
  // The driver's older name is the second.
  for (const char* driver : {"/sys/class/u-dma-buf", "/sys/class/udmabuf"})
    for (const std::string& buffer : entries(options.root + driver)) {
      others += (others.empty() ? "" : ", ") + buffer;
      if (buffer != options.buffer) continue;
      const std::string folder = options.root + driver + "/" + buffer;
      files.bus_address = number_of(folder + "/phys_addr");
      files.buffer_bytes = number_of(folder + "/size");
      files.buffer_name = options.root + "/dev/" + buffer;
      files.buffer_offset = 0;
      // Without cache: the HP ports don't look into the processors' caches, and so nothing has to be flushed.
      files.buffer = open_device(files.buffer_name, O_SYNC);
      return;
    }
  throw PortError(options.root + "/sys/class/u-dma-buf: there is no buffer " + options.buffer +
                  (others.empty() ? "" : "; there are " + others) +
                  ": load the module u-dma-buf, and name the buffer in " + "the device tree overlay (" + guide + ")");
}

void use_second_map(const BoardOptions& options, const std::string& uio, BoardFiles& files) {
  const std::string map = options.root + "/sys/class/uio/" + uio + "/maps/map1";
  if (text_of(map + "/size").empty())
    throw PortError(map +
                    ": is not there: the overlay gives the device no buffer as its second `reg`; add one, or name " +
                    "u-dma-buf's with --buffer (" + guide + ")");
  files.bus_address = number_of(map + "/addr");
  files.buffer_bytes = number_of(map + "/size");
  files.buffer_name = files.registers_name;
  files.buffer_offset = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));  // UIO: map n lies at page n; without cache
  files.buffer = open_device(files.registers_name, O_SYNC);
}

}  // namespace

File& File::operator=(File&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}
File::~File() {
  if (descriptor_ >= 0) close(descriptor_);
}
int File::release() {
  const int descriptor = descriptor_;
  descriptor_ = -1;
  return descriptor;
}

BoardFiles open_board(const BoardOptions& options) {
  BoardFiles files;
  const std::string uio = find_uio(options.root, options.uio);
  files.registers_name = options.root + "/dev/" + uio;
  const std::string map = options.root + "/sys/class/uio/" + uio + "/maps/map0/size";
  const std::uint64_t bytes = number_of(map);
  if (bytes < registers::bytes)
    throw PortError(map + ": its registers have " + std::to_string(bytes) + " bytes, the engine's " +
                    std::to_string(registers::bytes) + ": correct `reg` in the device tree overlay");
  files.registers = open_device(files.registers_name, O_SYNC);
  if (options.buffer.empty())
    use_second_map(options, uio, files);
  else
    use_dma_buffer(options, files);
  return files;
}

}  // namespace z7020
}  // namespace automask

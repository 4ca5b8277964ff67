// A layer as a stranger made it: unpacked, written back, unpacked again. Nothing may crash or leave the folder, and the second writing must
// equal the first.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/sys.h"
#include "image/diff.h"
#include "image/layer_store.h"

namespace {

using namespace fulcrum;  // NOLINT: a test program

/// Makes header checksums right, so that mutations get past them.
void fix_checksums(std::string& tar) {
  for (std::size_t at = 0; at + 512 <= tar.size(); at += 512) {
    if (tar.compare(at + 257, 5, "ustar") != 0) continue;
    tar.replace(at + 148, 8, "        ");
    unsigned sum = 0;
    for (std::size_t i = 0; i < 512; ++i) sum += static_cast<unsigned char>(tar[at + i]);
    char text[8];
    std::snprintf(text, sizeof text, "%06o", sum);
    tar.replace(at + 148, 7, std::string(text, 7));
  }
}

UniqueFd memory_file(const std::string& data) {
  UniqueFd fd(::memfd_create("tar", MFD_CLOEXEC));
  if (!fd.valid() || ::pwrite(fd.get(), data.data(), data.size(), 0) != static_cast<ssize_t>(data.size())) std::abort();
  return fd;
}

struct Place {
  Place() {
    std::string name = (::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp") + std::string("/fulcrum-fuzz-XXXXXX");
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path = name;
  }
  ~Place() { static_cast<void>(sys::remove_tree(path)); }
  std::string path;
};

const image::UnpackOptions& options() {
  static const image::UnpackOptions kOptions{
      .limits =
          {.max_bytes = 1 << 20, .max_file_bytes = 1 << 24, .max_entries = 200, .max_path = 1000, .max_depth = 20, .max_xattr_bytes = 4096},
      .allow_devices = false,
      .user_xattr = true,
      .durable = false,
      .keep_owner = false};
  return kOptions;
}

/// The layer's tar, written from its folder.
Result<std::string> write_back(const std::string& folder) {
  const auto upper = TRY(sys::open(folder, O_RDONLY | O_DIRECTORY));
  std::string out;
  const image::Sink sink = [&](std::string_view data) -> Result<> {
    out += data;
    if (out.size() > 64 << 20) return fail(Code::resource_exhausted, "large enough");
    return {};
  };
  TRY(image::write_layer(upper.get(), sink, {}, StopSource::never()));
  return out;
}

Result<Digest> unpack(const image::LayerStore& store, const std::string& tar) {
  const auto blob = memory_file(tar);
  return store.unpack_new(blob.get(), options(), StopSource::never());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 64 << 10) return 0;
  static const Place place;
  static const auto store = image::LayerStore::open(place.path + "/layers").value();
  std::string tar(reinterpret_cast<const char*>(data), size);
  fix_checksums(tar);
  const auto first = unpack(store, tar);
  if (first) {
    if (const auto written = write_back(store.path(*first))) {
      if (const auto second = unpack(store, *written)) {
        const auto again = write_back(store.path(*second));
        if (!again || *again != *written) std::abort();
        if (!store.remove(*second)) std::abort();
      }
    }
    if (!store.remove(*first)) std::abort();
  }
  if (!sys::list_directory(place.path + "/layers")->empty() || sys::list_directory(place.path)->size() != 1) std::abort();
  return 0;
}

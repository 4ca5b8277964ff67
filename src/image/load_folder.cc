#include <thread>

#include "base/sys.h"
#include "image/diff.h"
#include "image/image_archive.h"

namespace fulcrum::image {

/// The folder is read as the tar it would be, through a pipe, so that there is one loader.
Result<std::vector<LoadedImage>> load_folder(ImageStore& store, int folder, LoadSpec spec, const StopSource& stop) {
  auto pipe = TRY(sys::pipe());
  TRY(sys::set_nonblocking(pipe.write.get(), true));
  StopSource abort;
  Result<> wrote;
  Result<std::vector<LoadedImage>> loaded;
  {
    const std::jthread writer([&] {
      wrote = write_tree(folder, fd_sink(pipe.write.get(), abort), {}, abort);
      pipe.write.reset();  // the loader sees the end, or that the archive is cut off
    });
    spec.source = pipe.read.get();
    loaded = load_images(store, spec, stop);
    abort.request_stop();
  }  // joins; the reading end is open until then, so that nobody gets SIGPIPE
  if (!loaded && !wrote && wrote.error().code != Code::cancelled) return std::unexpected(with_context(wrote.error(), "load"));
  return loaded;
}

}  // namespace fulcrum::image

#include "server/native/build_support.h"

#include <unistd.h>

#include "base/sys.h"
#include "image/registry/fetch.h"
#include "server/native/body_pipe.h"

namespace fulcrum::server::native {

using image::build::BuildContext;
using image::build::RemoteKind;

Result<BuildContext> receive_context(http::Request& request, const std::string& folder) {
  const auto pipe = TRY(BodyPipe::open(request));
  auto context = BuildContext::from_tar(pipe->fd(), folder, {}, request.stop());
  const auto body = pipe->drain();
  if (!body) return std::unexpected(body.error());
  return context;
}

Result<BuildContext> fetch_context(const std::string& remote, const std::string& folder, const StopSource& stop) {
  switch (image::build::remote_kind(remote)) {
    case RemoteKind::git: return fail(Code::unimplemented, "remote: this engine has no git client; clone {} and build the folder", remote);
    case RemoteKind::unknown: return fail(Code::invalid_argument, "remoteURL ({}) is not a valid URL", remote);
    case RemoteKind::url: break;
  }
  const auto file = TRY(sys::open(folder, O_TMPFILE | O_RDWR, 0600), "fetch {}", remote);
  TRY(image::registry::fetch({.url = remote, .file = file.get(), .progress = {}}, stop));
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return fail_errno(errno, "fetch {}", remote);
  return BuildContext::from_download(file.get(), folder, {}, stop);
}

Result<> tell_built(Api& api, const control::PreparedBuild& build, const image::build::BuiltImage& built) {
  auto& objects = api.engine.objects();
  std::vector<api::Event> events;
  for (const auto& tag : build.tags) events.push_back(objects.event("image", "tag", built.id.str(), tag.familiar()));
  return events.empty() ? Result<>() : objects.record(std::move(events));
}

}  // namespace fulcrum::server::native

#include "server/docker/image_files.h"

#include <algorithm>

#include "image/image_archive.h"
#include "server/docker/image_support.h"
#include "server/docker/progress.h"
#include "server/native/body_pipe.h"

namespace fulcrum::server::docker {

namespace {

/// A repository without a tag stands for all its tags; everything else for itself. Errors: not_found.
Result<std::vector<std::string>> expand(Api& api, const std::vector<std::string>& names) {
  const auto records = TRY(api.native.images.list());
  std::vector<std::string> all;
  for (const auto& name : names) {
    const auto before = all.size();
    const auto reference = image::Reference::parse(name);
    const bool bare = reference && reference->digest.empty() && name.substr(name.rfind('/') + 1).find(':') == std::string::npos;
    for (const auto& record : bare ? records : std::vector<image::ImageRecord>())
      for (const auto& tag : record.tags)
        if (tag.starts_with(reference->repository() + ":")) all.push_back(tag);
    if (all.size() > before) continue;
    TRY(find_image(api, name));
    all.push_back(name);
  }
  return all;
}

Result<> save(Api& api, Request& request, ResponseWriter& response, const std::vector<std::string>& names) {
  if (names.empty()) return fail(Code::invalid_argument, "names: at least one image is needed");
  const auto all = TRY(expand(api, names));
  TRY(response.begin(200, "application/x-tar"));
  TRY(image::save_images(api.native.images, all, [&](std::string_view data) { return response.write(data); }, request.stop()));
  for (const auto& name : all)
    if (const auto record = api.native.images.inspect(name)) TRY(tell_image(api, "save", *record, record->id.str()));
  return {};
}

/// Which image each name means.
Result<std::map<std::string, std::string>> named_images(Api& api) {
  std::map<std::string, std::string> ids;
  for (const auto& record : TRY(api.native.images.list()))
    for (const auto& tag : record.tags) ids[familiar(tag)] = record.id.str();
  return ids;
}

Result<> load(Api& api, Request& request, ProgressStream& stream, bool quiet) {
  const auto before = TRY(named_images(api));
  const auto pipe = TRY(native::BodyPipe::open(request));
  image::LoadSpec spec{.source = pipe->fd()};
  if (!quiet)
    spec.progress = [&](const Digest& diff_id, std::uint64_t done, std::uint64_t total) {
      stream.progress(diff_id.str().substr(diff_id.str().find(':') + 1, 12), "Loading layer", done, total);
    };
  const auto loaded = image::load_images(api.native.images, spec, request.stop());
  const auto body = pipe->finish();
  if (!loaded) return std::unexpected(body ? loaded.error() : body.error());
  for (const auto& one : *loaded) {
    TRY(tell_image(api, "load", TRY(api.native.images.inspect(one.id.str())), one.id.str()));
    for (const auto& name : one.names) {
      if (const auto old = before.find(name); old != before.end() && old->second != one.id.str())
        stream.text(fmt::format("The image {} already exists, renaming the old one with ID {} to empty string\n", name, old->second));
      stream.text(fmt::format("Loaded image: {}\n", name));
    }
    if (one.names.empty()) stream.text(fmt::format("Loaded image ID: {}\n", one.id.str()));
  }
  return {};
}

Result<image::ImageId> import_body(Api& api, Request& request, const image::ImportSpec& given) {
  auto spec = given;
  const auto pipe = TRY(native::BodyPipe::open(request));
  spec.source = pipe->fd();
  const auto id = image::import_image(api.native.images, spec, request.stop());
  const auto body = pipe->finish();
  if (!id && !body) return std::unexpected(body.error());
  return id;
}

}  // namespace

Result<> import_image(Api& api, Request& request, ResponseWriter& response) {
  const auto& query = request.query();
  const std::string source(query.get_or("fromSrc", ""));
  if (source.empty()) return fail(Code::invalid_argument, "either fromImage or fromSrc is needed");
  if (source != "-")
    return fail(Code::unimplemented, "importing from an address is not supported: fetch it, and send it as the body (fromSrc=-)");
  image::ImportSpec spec{.changes = query.all("changes"), .message = std::string(query.get_or("message", "Imported from -"))};
  const auto name = TRY(repo_and_tag(query.get_or("repo", ""), query.get_or("tag", "")));
  if (name) spec.tags.push_back(*name);
  const auto platform = query.get_or("platform", "");
  if (!platform.empty() && version_of(request) >= ApiVersion{1, 32}) spec.platform = TRY(oci::parse_platform(platform));
  const auto id = TRY(import_body(api, request, spec));
  const auto record = TRY(api.native.images.inspect(id.str()));
  if (name) TRY(tell_image(api, "tag", record, name->familiar()));
  TRY(tell_image(api, "import", record, id.str()));
  ProgressStream stream(response);
  stream.status(id.str());
  return {};
}

Result<> save_several(Api& api, Request& request, ResponseWriter& response) {
  return save(api, request, response, request.query().all("names"));
}

Result<> save_one(Api& api, Request& request, ResponseWriter& response) { return save(api, request, response, {request.param("name")}); }

Result<> load_images(Api& api, Request& request, ResponseWriter& response) {
  const bool quiet = TRY(request.query().boolean("quiet", true));
  ProgressStream stream(response);
  const auto loaded = load(api, request, stream, quiet);
  // Clients look for the error of a load in its lines.
  if (!loaded) TRY(response.begun() ? Result<>() : response.begin(200, "application/json"));
  return stream.finish(loaded);
}

}  // namespace fulcrum::server::docker

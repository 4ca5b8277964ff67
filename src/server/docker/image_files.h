// Images from and to files: handlers whose rows stand beside those of the registries.
#pragma once

#include "server/docker/support.h"

namespace fulcrum::server::docker {

/// POST /images/create without fromImage: a root file system becomes an image.
[[nodiscard]] Result<> import_image(Api& api, Request& request, ResponseWriter& response);
/// GET /images/get?names=…
[[nodiscard]] Result<> save_several(Api& api, Request& request, ResponseWriter& response);
/// GET /images/{name}/get
[[nodiscard]] Result<> save_one(Api& api, Request& request, ResponseWriter& response);
/// POST /images/load
[[nodiscard]] Result<> load_images(Api& api, Request& request, ResponseWriter& response);

}  // namespace fulcrum::server::docker

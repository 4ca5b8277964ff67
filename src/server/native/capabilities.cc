#include "server/native/capabilities.h"

#include <boost/json.hpp>

#include "http/server.h"

namespace fulcrum::server::native {

namespace json = boost::json;

void add_capability_route(http::Router& router, const topology::Topologies& topologies, const std::string& docker_operations) {
  router.add("GET", "/v1/capabilities",
             [&topologies, operations = json::parse(docker_operations)](http::Request&, http::ResponseWriter& response) -> Result<> {
               auto object = json::parse(topologies.capabilities_json()).get_object();
               object["docker"] = operations;
               return response.send_json(200, json::serialize(object));
             });
}

}  // namespace fulcrum::server::native

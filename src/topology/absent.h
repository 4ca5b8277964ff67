// A point of the continuum that this build does not have: it says so, by name.
#pragma once

#include "api/workload/codec.h"
#include "topology/topology.h"

namespace fulcrum::topology {

class Absent : public Topology {
 public:
  Absent(api::Topology kind, std::string_view isolation, std::string_view needs) : kind_(kind), isolation_(isolation), needs_(needs) {}
  api::Topology kind() const override { return kind_; }
  Result<> available() const override {
    return fail(Code::unimplemented, "topology {} is not available in this build: it needs {}; nearest: container", api::to_string(kind_),
                needs_);
  }
  sandbox::Sandbox& sandbox() const override { detail::assertion_failed("sandbox() of an absent topology", __FILE__, __LINE__); }
  std::string_view isolation() const override { return isolation_; }

 private:
  api::Topology kind_;
  std::string_view isolation_;
  std::string_view needs_;
};

}  // namespace fulcrum::topology

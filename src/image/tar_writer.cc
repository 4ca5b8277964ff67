#include "image/tar_writer.h"

#include <unistd.h>

#include <algorithm>
#include <array>

namespace fulcrum::image {

namespace {

constexpr std::size_t kBlock = 512;
constexpr std::uint64_t kSmallField = 07777777;      // seven octal digits
constexpr std::uint64_t kLargeField = 077777777777;  // eleven

/// "LENGTH key=value\n", the length counting itself.
std::string pax_record(std::string_view key, std::string_view value) {
  const auto body = key.size() + value.size() + 3;
  auto length = body + 1;
  while (fmt::formatted_size("{}", length) + body != length) length = fmt::formatted_size("{}", length) + body;
  return fmt::format("{} {}={}\n", length, key, value);
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

char type_flag(TarEntry::Kind kind) {
  switch (kind) {
    case TarEntry::Kind::file: return '0';
    case TarEntry::Kind::hardlink: return '1';
    case TarEntry::Kind::symlink: return '2';
    case TarEntry::Kind::char_device: return '3';
    case TarEntry::Kind::block_device: return '4';
    case TarEntry::Kind::directory: return '5';
    case TarEntry::Kind::fifo: return '6';
  }
  return '0';
}

void put_text(std::string& block, std::size_t at, std::size_t width, std::string_view text) {
  text = text.substr(0, width);
  block.replace(at, text.size(), text);
}

/// Octal with leading zeros and a NUL; a value that does not fit is written 0, its pax record counts.
void put_octal(std::string& block, std::size_t at, std::size_t width, std::uint64_t value, std::uint64_t most) {
  put_text(block, at, width, fmt::format("{:0{}o}", value <= most ? value : 0, width - 1));
}

std::string ustar_block(const TarEntry& entry, char type, std::uint64_t size) {
  std::string block(kBlock, '\0');
  put_text(block, 0, 100, entry.name);
  put_octal(block, 100, 8, entry.mode, kSmallField);
  put_octal(block, 108, 8, entry.uid, kSmallField);
  put_octal(block, 116, 8, entry.gid, kSmallField);
  put_octal(block, 124, 12, size, kLargeField);
  put_octal(block, 136, 12, entry.mtime.tv_sec < 0 ? 0 : static_cast<std::uint64_t>(entry.mtime.tv_sec), kLargeField);
  put_text(block, 148, 8, "        ");
  block[156] = type;
  put_text(block, 157, 100, entry.target);
  put_text(block, 257, 8, std::string_view("ustar\00000", 8));
  put_octal(block, 329, 8, entry.device_major, kSmallField);
  put_octal(block, 337, 8, entry.device_minor, kSmallField);
  std::uint64_t sum = 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  put_text(block, 148, 8, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
  return block;
}

/// The records that an entry needs, in a fixed order.
std::string pax_records(const TarEntry& entry, std::uint64_t stored_size, bool sparse) {
  std::string records;
  if (!sparse && (entry.name.size() > 100 || !is_ascii(entry.name))) records += pax_record("path", entry.name);
  if (entry.target.size() > 100 || !is_ascii(entry.target)) records += pax_record("linkpath", entry.target);
  if (stored_size > kLargeField) records += pax_record("size", std::to_string(stored_size));
  if (entry.uid > kSmallField) records += pax_record("uid", std::to_string(entry.uid));
  if (entry.gid > kSmallField) records += pax_record("gid", std::to_string(entry.gid));
  if (entry.mtime.tv_sec < 0 || static_cast<std::uint64_t>(entry.mtime.tv_sec) > kLargeField) {
    records += pax_record("mtime", std::to_string(entry.mtime.tv_sec));
  }
  auto xattrs = entry.xattrs;
  std::sort(xattrs.begin(), xattrs.end());
  for (const auto& [name, value] : xattrs) records += pax_record("SCHILY.xattr." + name, value);
  return records;
}

}  // namespace

Sink fd_sink(int fd, const StopSource& stop) {
  return [fd, &stop](std::string_view data) -> Result<> {
    while (!data.empty()) {
      TRY(wait_any(stop, Deadline::never(), {{fd, POLLOUT}}));
      const auto put = ::write(fd, data.data(), data.size());
      if (put < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (put < 0) return fail_errno(errno, "write archive");
      data.remove_prefix(static_cast<std::size_t>(put));
    }
    return {};
  };
}

Result<> TarWriter::pad(std::uint64_t size) {
  static constexpr std::array<char, kBlock> kZeros{};
  return size == 0 ? Result<>() : sink_(std::string_view(kZeros.data(), size));
}

Result<> TarWriter::header(const TarEntry& entry, const std::string& pax, std::uint64_t stored_size) {
  if (left_ != 0) return fail(Code::internal, "{}: the file before lacks {} bytes", entry.name, left_);
  if (entry.device_major > kSmallField || entry.device_minor > kSmallField) {
    return fail(Code::unimplemented, "{}: device numbers {}:{} do not fit into a tar", entry.name, entry.device_major, entry.device_minor);
  }
  if (!pax.empty()) {
    TRY(sink_(ustar_block({.name = "PaxHeaders.0/" + entry.name.substr(entry.name.rfind('/') + 1).substr(0, 80), .mode = 0644}, 'x',
                          pax.size())));
    TRY(sink_(pax));
    TRY(pad((kBlock - pax.size() % kBlock) % kBlock));
  }
  TRY(sink_(ustar_block(entry, type_flag(entry.kind), stored_size)));
  left_ = stored_size;
  padding_ = (kBlock - stored_size % kBlock) % kBlock;
  return {};
}

Result<> TarWriter::add(const TarEntry& entry) {
  const auto size = entry.kind == TarEntry::Kind::file ? entry.size : 0;
  return header(entry, pax_records(entry, size, false), size);
}

Result<> TarWriter::add_sparse(const TarEntry& entry, std::span<const DataRange> ranges) {
  // The map stands before the data: a count, then offset and size of each range, one decimal number a line, padded to whole blocks. A range
  // of no bytes at the end marks a hole there.
  std::string map = std::to_string(ranges.size() + 1) + "\n";
  std::uint64_t data = 0;
  for (const auto& range : ranges) {
    map += std::to_string(range.offset) + "\n" + std::to_string(range.size) + "\n";
    data += range.size;
  }
  map += std::to_string(entry.size) + "\n0\n";
  map.resize((map.size() + kBlock - 1) / kBlock * kBlock, '\0');
  auto pax = pax_record("GNU.sparse.major", "1") + pax_record("GNU.sparse.minor", "0") + pax_record("GNU.sparse.name", entry.name) +
             pax_record("GNU.sparse.realsize", std::to_string(entry.size));
  const auto stored = map.size() + data;
  pax += pax_records(entry, stored, true);
  auto named = entry;
  named.name = "GNUSparseFile.0/" + entry.name.substr(entry.name.rfind('/') + 1).substr(0, 80);
  TRY(header(named, pax, stored));
  return write(map);
}

Result<> TarWriter::write(std::string_view data) {
  if (data.size() > left_) return fail(Code::internal, "more data than the archive entry announced");
  TRY(sink_(data));
  left_ -= data.size();
  return left_ == 0 ? pad(std::exchange(padding_, 0)) : Result<>();
}

Result<> TarWriter::add_file(const std::string& name, std::string_view content) {
  TRY(add({.name = name, .mode = 0644, .size = content.size()}));
  return content.empty() ? Result<>() : write(content);
}

Result<> TarWriter::finish() {
  if (left_ != 0) return fail(Code::internal, "the archive's last file lacks {} bytes", left_);
  TRY(pad(kBlock));
  return pad(kBlock);
}

}  // namespace fulcrum::image

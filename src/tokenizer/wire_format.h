#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bertft::tokenizer {

/// Numbers of the fields and values of sentencepiece's ModelProto that count here
/// (sentencepiece_model.proto).
namespace spiece {
inline constexpr std::uint32_t kPieces = 1, kTrainerSpec = 2, kNormalizerSpec = 3;       // ModelProto
inline constexpr std::uint32_t kPieceText = 1, kPieceScore = 2, kPieceType = 3;          // SentencePiece
inline constexpr std::uint32_t kModelType = 3;                                           // TrainerSpec
inline constexpr std::uint32_t kNormalizerName = 1, kCharsmap = 2, kAddDummyPrefix = 3,  // NormalizerSpec
    kRemoveExtraWhitespaces = 4, kEscapeWhitespaces = 5;
inline constexpr std::uint64_t kNormal = 1, kUnknown = 2;                     // SentencePiece.Type
inline constexpr std::uint64_t kUnigram = 1, kBpe = 2, kWord = 3, kChar = 4;  // TrainerSpec.ModelType
}  // namespace spiece

/// The fields of a protobuf message one after the other, from bytes that nobody has checked.
class WireReader {
 public:
  explicit WireReader(std::string_view message) : rest_(message), size_(message.size()) {}

  enum class Type : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

  struct Field {
    std::uint32_t number;
    Type type;
    std::uint64_t value;     // of a varint or a fixed one
    std::string_view bytes;  // of kBytes
  };

  /// The next field; nothing at the end, and for good where the message is malformed.
  std::optional<Field> next();

  bool is_malformed() const { return is_malformed_; }
  /// Where the last call of next() began reading.
  std::size_t offset() const { return size_ - rest_.size(); }

 private:
  std::optional<std::uint64_t> read_varint();
  std::optional<std::uint64_t> read_fixed(std::size_t num_bytes);
  bool read_payload(Field& field);

  std::string_view rest_;
  std::size_t size_;
  bool is_malformed_ = false;
};

/// Writes a protobuf message field by field.
class WireWriter {
 public:
  void varint(std::uint32_t field, std::uint64_t value);
  void fixed32(std::uint32_t field, float value);
  void bytes(std::uint32_t field, std::string_view value);

  const std::string& text() const { return text_; }

 private:
  void append_varint(std::uint64_t value);
  void append_key(std::uint32_t field, WireReader::Type type);

  std::string text_;
};

}  // namespace bertft::tokenizer

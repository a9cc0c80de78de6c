import Compute
import Files
import Foundation
import TestSupport
import Tensors
import Testing

@Suite struct SafetensorsBadInputTests {
  /// A file made of a header's text and so many bytes of data.
  private func error(_ header: some Sequence<UInt8>, dataLength: Int = 0) throws -> InputError {
    let text = Array(header)
    let length = withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) }
    return try error(file: length + text + [UInt8](repeating: 1, count: dataLength))
  }

  private func error(file: [UInt8]) throws -> InputError {
    let folder = try TemporaryFolder()
    let path = try folder.write(file, to: "bad.safetensors")
    let error = try #require(throws: InputError.self) { try Safetensors.read(path) }
    #expect(error.subject == path)
    return error
  }

  @Test(arguments: [
    ("", "{ should stand here"),
    ("[]", "{ should stand here"),
    ("{", "\" should stand here"),
    ("{} x", "more text follows"),
    ("{\"a\"}", ": should stand here"),
    ("{\"a\":1}", "{ should stand here"),
    ("{\"a\":{}}", "lacks its dtype"),
    ("{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", "lacks its dtype"),
    ("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},}", "\" should stand here"),
    ("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"shape\":[1]}}", "has the field \"shape\" twice"),
    ("{\"a\":{\"dtype\":\"F32\",\"stride\":[1]}}", "unknown field \"stride\""),
    (
      "{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[4],\"data_offsets\":[0,4]}}",
      "\"a\" has the element type \"F8_E4M3\""
    ),
    ("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", "has 4 bytes, not 8"),
    ("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4]}}", "has the data_offsets [4]"),
    ("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", "has the data_offsets [4, 0]"),
    ("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}", "has the data_offsets [-4, 0]"),
    ("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]}}", "longer than 2"),
    ("{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", "impossible shape [-1]"),
    ("{\"a\":{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}}", "no fraction"),
    ("{\"a\":{\"dtype\":\"F32\",\"shape\":[1e0],\"data_offsets\":[0,4]}}", "no fraction"),
    ("{\"a\":{\"dtype\":\"F32\",\"shape\":[01],\"data_offsets\":[0,4]}}", "whole number"),
    ("{\"a\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,4]}}", "64 bits"),
    (
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4611686018427387904,0],\"data_offsets\":[0,0]}}",
      "impossible shape"
    ),
    (
      "{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}",
      "\"a\" is there twice"
    ),
    ("{\"__metadata__\":{\"a\":\"b\",\"a\":\"c\"}}", "metadata key \"a\" is there twice"),
    ("{\"__metadata__\":{},\"__metadata__\":{}}", "__metadata__ is there twice"),
    ("{\"__metadata__\":{\"a\":1}}", "\" should stand here"),
    ("{\"\\ud800\":{}}", "surrogate"),
    ("{\"\\x\":{}}", "unknown escape"),
    ("{\"\\u00g0\":{}}", "hexadecimal"),
    ("{\"a\u{1}\":{}}", "control character"),
    ("{\"a", "does not end"),
    ("{\"a\\", "does not end"),
  ])
  func headersAreRefused(_ header: String, _ reason: String) throws {
    let error = try error(header.utf8)
    #expect(error.reason.contains("damaged safetensors header"))
    #expect(error.reason.contains(reason), "\(error)")
  }

  @Test func textThatIsNotUTF8IsRefused() throws {
    let error = try error([UInt8(ascii: "{"), UInt8(ascii: "\""), 0xFF, UInt8(ascii: "\"")])
    #expect(error.reason.contains("not UTF-8"))
  }

  @Test(arguments: [
    (0, 4, 4, 8, 7, "ends before the tensor \"b\""),
    (0, 4, 4, 8, 9, "has 1 bytes behind its last tensor"),
    (0, 4, 0, 4, 8, "\"b\" at byte 0 of the data overlaps"),
    (0, 4, 5, 9, 9, "\"b\" at byte 5 of the data leaves a gap"),
    (4, 8, 8, 12, 12, "\"a\" at byte 4 of the data leaves a gap"),
  ])
  func tensorsMustFillTheData(
    _ begin: Int, _ end: Int, _ nextBegin: Int, _ nextEnd: Int, _ length: Int, _ reason: String
  ) throws {
    let header =
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[\(begin),\(end)]},"
      + "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[\(nextBegin),\(nextEnd)]}}"
    let error = try error(header.utf8, dataLength: length)
    #expect(error.reason.contains(reason), "\(error)")
  }

  @Test func headerLengthsOutsideTheFileAreRefused() throws {
    #expect(try error(file: []).reason == "is empty")
    #expect(try error(file: [1, 2, 3]).reason.contains("too few"))
    #expect(
      try error(file: [3, 0, 0, 0, 0, 0, 0, 0, 1, 2]).reason.contains("ends in its safetensors header"))
    #expect(try error(file: [UInt8](repeating: 255, count: 64)).reason.contains("is no safetensors file"))
  }

  @Test func everyTruncationIsRefused() throws {
    let whole = try bytes(ofFile: Fixtures.path("tensors/every-type.safetensors"))
    for length in 0..<whole.count { _ = try error(file: Array(whole[..<length])) }
  }

  /// A flipped bit in a name or a number may give another good file, but never a crash or a foreign error.
  @Test func flippedBitsGiveAFileOrAnInputError() throws {
    let whole = try bytes(ofFile: Fixtures.path("tensors/every-type.safetensors"))
    let headerEnd = 8 + Int(whole[0]) + Int(whole[1]) << 8
    let folder = try TemporaryFolder()
    var refused = 0
    for bit in 0..<headerEnd * 8 {
      var damaged = whole
      damaged[bit / 8] ^= 1 << (bit % 8)
      let path = try folder.write(damaged, to: "flipped.safetensors")
      do {
        for tensor in try Safetensors.read(path).tensors.values {
          #expect(tensor.withBytes { $0.count } == tensor.byteCount)
        }
      } catch {
        refused += 1
      }
    }
    #expect(refused > headerEnd * 4)
  }
}

import Compute
import Files
import Foundation
import Images
import Testing

/// Real photographs, which are not ours to ship, against digests of what Pillow and torchvision make of them:
/// `PATCHBANK_PHOTOGRAPHS` names their folder, with the output of tools/reference/photographs.py in digests.txt.
@Suite(.enabled(if: ProcessInfo.processInfo.environment["PATCHBANK_PHOTOGRAPHS"] != nil))
struct PhotographTests {
  @Test func everyPhotographIsReadAsPillowReadsIt() throws {
    let folder = try #require(ProcessInfo.processInfo.environment["PATCHBANK_PHOTOGRAPHS"])
    let preprocessing = try Preprocessing(inputSize: PixelSize(side: 224))
    let preprocessor = Preprocessor(preprocessing)
    let input = SharedBuffer<Float>(count: preprocessing.valueCount)
    let lines = try String(contentsOfFile: folder + "/digests.txt", encoding: .utf8).split(separator: "\n")
    #expect(!lines.isEmpty)
    for line in lines {
      let fields = line.split(separator: "\t").map(String.init)
      try #require(fields.count == 3, "a line of digests.txt has a name and two digests")
      let image = try ImageDecoder.decode(folder + "/" + fields[0])
      #expect(image.pixels.withUnsafeBytes(digest) == fields[1], "pixels of \(fields[0])")
      preprocessor.apply(image, into: input.pointer)
      #expect(digest(UnsafeRawBufferPointer(input.buffer)) == fields[2], "input of \(fields[0])")
    }
  }

  private func digest(_ bytes: UnsafeRawBufferPointer) -> String {
    var hash = SHA256()
    hash.update(bytes)
    return hash.hexadecimal()
  }
}

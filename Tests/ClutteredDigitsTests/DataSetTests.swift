import Compute
import Files
import Foundation
import Images
import TestSupport
import Testing
import cluttered_digits

@Suite struct DataSetTests {
  @Test func aSceneDependsOnItsSeedAlone() throws {
    let digits = try Digit.all()
    func scene(_ seed: UInt64) -> [UInt8] {
      Scene(of: digits[5], among: digits, random: SeededGenerator(seed: seed)).pixels
    }
    #expect(scene(1).count == 64 * 64 * 3)
    #expect(scene(1) == scene(1))
    #expect(scene(1) != scene(2))
  }

  @Test func theFilesDoNotDependOnTheThreads() throws {
    let folder = try TemporaryFolder()
    let dataSet = DataSet(seed: 3, trainScenesPerDigit: 1, validationScenesPerDigit: 1)
    #expect(
      try dataSet.write(to: folder.file("one"), parallel: Parallel(threadCount: 1))
        == .written(sceneCount: 1797))
    _ = try dataSet.write(to: folder.file("three"), parallel: Parallel(threadCount: 3))
    let files = try FileManager.default.subpathsOfDirectory(atPath: folder.file("one")).sorted()
    #expect(try FileManager.default.subpathsOfDirectory(atPath: folder.file("three")).sorted() == files)
    #expect(files.count { $0.hasPrefix("train/") && $0.hasSuffix(".jpg") } == 1352)
    #expect(files.count { $0.hasPrefix("val/") && $0.hasSuffix(".jpg") } == 445)
    for file in files where file.hasSuffix(".jpg") {
      #expect(try bytes(ofFile: folder.file("one/" + file)) == bytes(ofFile: folder.file("three/" + file)))
    }
  }

  @Test func aSecondRunChangesNothingAndOtherSettingsReplace() throws {
    let folder = try TemporaryFolder()
    let output = folder.file("new/scenes")
    let dataSet = DataSet(trainScenesPerDigit: 1, validationScenesPerDigit: 1)
    _ = try dataSet.write(to: output)
    let scene = output + "/train/0/00000.jpg"
    let before = try FileManager.default.attributesOfItem(atPath: scene)[.modificationDate] as? Date
    #expect(try dataSet.write(to: output) == .unchanged)
    #expect(try FileManager.default.attributesOfItem(atPath: scene)[.modificationDate] as? Date == before)

    let old = try bytes(ofFile: scene)
    let other = DataSet(seed: 9, trainScenesPerDigit: 1, validationScenesPerDigit: 1)
    #expect(try other.write(to: output) == .written(sceneCount: 1797))
    #expect(try bytes(ofFile: scene) != old)
    #expect(!FileManager.default.fileExists(atPath: output + ".partial"))
  }

  @Test(arguments: ["scenes", "scenes.partial"])
  func anotherOnesFolderIsNotTouched(_ name: String) throws {
    let folder = try TemporaryFolder()
    try folder.write([1, 2, 3], to: name + "/precious.txt")
    #expect(throws: InputError.self) { try DataSet().write(to: folder.file("scenes")) }
    #expect(try bytes(ofFile: folder.file(name + "/precious.txt")) == [1, 2, 3])
  }

  @Test func aHalfWrittenFolderIsWrittenAgain() throws {
    let folder = try TemporaryFolder()
    let dataSet = DataSet(trainScenesPerDigit: 1, validationScenesPerDigit: 1)
    _ = try dataSet.write(to: folder.file("scenes"))
    try FileManager.default.moveItem(atPath: folder.file("scenes"), toPath: folder.file("scenes.partial"))
    try FileManager.default.removeItem(atPath: folder.file("scenes.partial/val"))
    #expect(try dataSet.write(to: folder.file("scenes")) == .written(sceneCount: 1797))
    #expect(FileManager.default.fileExists(atPath: folder.file("scenes/val/9")))
  }

  @Test func aJPEGHasItsSizeAndThreeComponents() throws {
    let pixels = (0..<16 * 8 * 3).map { UInt8($0 % 256) }
    let encoded = try JPEG.encode(pixels, width: 16, height: 8, quality: 90)
    #expect(encoded.prefix(2) == [0xFF, 0xD8] && encoded.suffix(2) == [0xFF, 0xD9])
    // The baseline frame header: marker, length, 8 bits, height, width, components, first component's sampling.
    let header = try #require(encoded.indices.first { encoded[$0...].starts(with: [0xFF, 0xC0]) })
    #expect(encoded[(header + 4)..<(header + 12)] == [8, 0, 8, 0, 16, 3, 1, 0x11])
  }

  @Test func whatLibjpegRefusesIsThrown() {
    let error = #expect(throws: InputError.self) { try JPEG.encode([], width: 0, height: 1, quality: 90) }
    #expect(error?.reason.contains("Empty") == true)
  }
}

import Files
import TestSupport
import Testing
import TokenStore

import Reading

@Suite struct TrainingDataTests {
  private let caches: TinyCaches

  init() throws {
    caches = try TinyCaches()
    try caches.write("train", images: 24, prefix: "t/")
    try caches.write("val", images: 9, prefix: "v/", number: 1)
  }

  private func path(_ name: String) -> String { caches.folder.file(name) }

  private func data(
    _ selection: DataSelection = DataSelection(), train: [String] = ["train"], validation: String = "val",
    labels: String? = nil, validationLabels: String? = nil, attention: (String, String)? = nil
  ) throws -> TrainingData {
    try TrainingData(
      DataSources(
        train: train.map(path), validation: [path(validation)], labelFile: labels,
        validationLabelFile: validationLabels, trainAttention: attention.map { [path($0.0)] } ?? [],
        validationAttention: attention.map { [path($0.1)] } ?? []), selection)
  }

  /// What is held out is no part of the few images that are learned from.
  @Test func imagesAreHeldOutBeforeTheShotsAreDrawn() throws {
    let data = try data(DataSelection(shots: 2, heldOutFraction: 0.25))
    let heldOut = try #require(data.heldOut)
    #expect(data.training.imageCount == 6 && heldOut.imageCount == 6)
    #expect(Set(data.training.rows).isDisjoint(with: heldOut.rows))
    #expect(try self.data(DataSelection(shots: 2)).heldOut == nil)
  }

  @Test func anImageInTwoJoinedCachesIsNotHeldOut() throws {
    let error = try #require(throws: InputError.self) {
      try data(DataSelection(heldOutFraction: 0.25), train: ["train", "train"])
    }
    #expect(error.reason.contains("t/0.jpg") && error.remedy?.contains("--hold-out 0") == true)
    #expect(try data(train: ["train", "train"]).training.imageCount == 48)
    try caches.write("more", images: 6, prefix: "m/")
    #expect(try data(DataSelection(heldOutFraction: 0.2), train: ["train", "more"]).heldOut?.imageCount == 6)
  }

  @Test func anIDOfTrainingAndValidationImagesNeedsTwoLabelFiles() throws {
    try caches.write("same", images: 9, prefix: "t/", number: 1)
    let both = try caches.write("t/0.jpg,cat\nt/1.jpg,ant\n", to: "both.csv")
    let error = try #require(throws: InputError.self) { try data(validation: "same", labels: both) }
    #expect(error.subject.hasSuffix("line 1") && error.remedy?.contains("--label-file-val") == true)
    let other = try caches.write("t/0.jpg,bee\n", to: "other.csv")
    let two = try data(validation: "same", labels: both, validationLabels: other)
    #expect(two.training.labels == [2, 0] && two.validation.labels == [1])
    #expect(two.selection.labels?.validationSHA256 != nil && two.selection.labels?.areSets == false)
    let unknown = try caches.write("t/0.jpg,dog\n", to: "unknown.csv")
    #expect(throws: InputError.self) {
      try data(validation: "same", labels: both, validationLabels: unknown)
    }
    let several = try caches.write("t/0.jpg,bee;cat\n", to: "several.csv")
    let mixed = try #require(throws: InputError.self) {
      try data(validation: "same", labels: both, validationLabels: several)
    }
    #expect(mixed.reason.contains("several"))
  }

  @Test func borrowedAttentionIsOfOneEncoder() throws {
    let data = try data(attention: ("train", "val"))
    #expect(data.selection.attention?.checkpointSHA256 == String(repeating: "c0ffee00", count: 8))
    try caches.write("foreign", images: 9, prefix: "v/") {
      $0.checkpoint.sha256 = String(repeating: "d", count: 64)
    }
    let error = try #require(throws: InputError.self) { try self.data(attention: ("train", "foreign")) }
    #expect(error.reason.contains("checkpoint.sha256"))
  }

  @Test func theEncodersNormMustBeThere() throws {
    let error = try #require(throws: InputError.self) { try data(DataSelection(tokenNorm: .final)) }
    #expect(error.subject == "--token-norm final")
  }
}

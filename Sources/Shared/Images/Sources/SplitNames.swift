/// What parts of data sets are called, so that a split that was not chosen is noticed.
enum SplitNames {
  static let usual: Set = ["train", "val", "valid", "validation", "test"]
}

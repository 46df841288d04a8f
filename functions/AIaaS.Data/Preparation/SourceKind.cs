namespace AIaaS.Data.Preparation;

internal enum SourceKind
{
    Delimited,
    Json,
    JsonLines,
    Parquet,

    /// <summary>A zip archive of images.</summary>
    Images,
}

/// <summary>A source ready for DuckDB: UTF-8 without byte order mark or odd line ends where it is text.</summary>
/// <param name="Name">The file's name for people.</param>
/// <param name="Path">The source itself, or its normalized copy.</param>
/// <param name="Kind">How to read it.</param>
/// <param name="Notes">What was done to it.</param>
internal sealed record InspectedSource(string Name, string Path, SourceKind Kind, IReadOnlyList<string> Notes);

using AIaaS.Platform;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace AIaaS.Functions.Datasets;

/// <summary>What an upload's body is called: <c>?file=</c>, else by its content type.</summary>
internal static class UploadedFile
{
    public static string NameOf(HttpRequest request)
    {
        if (request.Query["file"].ToString() is { Length: > 0 } named)
        {
            return Names.RequireFileName(named, "file");
        }

        var type = MediaTypeHeaderValue.TryParse(request.ContentType, out var parsed) ? parsed.MediaType.ToString() : "";
        return type.ToLowerInvariant() switch
        {
            "application/json" => "data.json",
            "application/x-ndjson" or "application/jsonl" or "application/x-jsonlines" => "data.jsonl",
            "text/tab-separated-values" => "data.tsv",
            "application/vnd.apache.parquet" or "application/x-parquet" => "data.parquet",
            "application/zip" or "application/x-zip-compressed" => "data.zip",
            "application/gzip" or "application/x-gzip" => "data.csv.gz",
            "application/zstd" => "data.csv.zst",
            // Tools that know no better send CSV under many names; the reader looks at the bytes anyway.
            _ => "data.csv",
        };
    }
}

using System.Reflection;
using System.Text.Json;
using AIaaS.Formats;

namespace AIaaS.Functions.OpenApi;

/// <summary>Writes the description of the API: what the build calls, under either host, so that the file is made once and only served afterwards.</summary>
internal static class OpenApiCommand
{
    public const string FileName = "openapi.json";
    private const string Name = "write-openapi";

    /// <returns>False where the arguments ask for something else.</returns>
    public static bool TryRun(string[] arguments)
    {
        if (arguments is not [Name, var path])
        {
            return false;
        }

        // Whole or not at all: a build that is stopped must not leave half a file that looks up to date.
        var half = $"{path}.{Environment.ProcessId}.tmp";
        File.WriteAllBytes(half, Write(typeof(OpenApiCommand).Assembly));
        File.Move(half, path, overwrite: true);
        return true;
    }

    /// <returns>The description in UTF-8 JSON, the same bytes for the same functions.</returns>
    internal static byte[] Write(Assembly functions)
        => JsonSerializer.SerializeToUtf8Bytes(new OpenApiGenerator().Describe(functions), JsonDefaults.Indented);
}

using System.Reflection;
using System.Text.Json;

namespace AIaaS.LocalHost.Hosting;

/// <summary>What the local host runs, and where.</summary>
public sealed class LocalHostOptions
{
    private static readonly JsonDocumentOptions HostJson = new() { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip };

    /// <summary>The classes that are looked through for functions.</summary>
    public IList<Type> FunctionTypes { get; } = [];

    /// <summary>The port on the loopback address; 0 takes a free one.</summary>
    public int Port { get; set; } = 7071;

    /// <summary>Goes before every route; may be empty.</summary>
    public string RoutePrefix { get; set; } = "";

    /// <summary>How long a graceful stop waits for requests, triggers and training jobs; those may take 30 s to write a checkpoint.</summary>
    public TimeSpan ShutdownTimeout { get; set; } = TimeSpan.FromSeconds(35);

    /// <summary>Looks for functions in all classes of an assembly.</summary>
    public LocalHostOptions AddFunctions(Assembly assembly)
    {
        ArgumentNullException.ThrowIfNull(assembly);
        foreach (var type in assembly.GetTypes())
            FunctionTypes.Add(type);
        return this;
    }

    /// <summary>Takes over what <c>host.json</c> says; without a prefix there it is <c>api</c>, like on the genuine host.</summary>
    /// <exception cref="JsonException">The file is not JSON.</exception>
    public LocalHostOptions ReadHostJson(string path)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(path), HostJson);
        RoutePrefix = document.RootElement.TryGetProperty("extensions", out var extensions)
            && extensions.TryGetProperty("http", out var http)
            && http.TryGetProperty("routePrefix", out var prefix)
            ? prefix.GetString() ?? ""
            : "api";
        return this;
    }
}

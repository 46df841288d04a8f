using System.Security.Cryptography;
using System.Text.Json;
using AIaaS.Formats;

namespace AIaaS.Trainer.Jobs;

/// <summary>A job's folder: its description, checked, and the files it reads and leaves.</summary>
internal sealed class JobFolder
{
    private const int KnownSchemaVersion = 1;

    private static readonly JsonSerializerOptions Strict = new(JsonDefaults.Options) { RespectNullableAnnotations = true };
    private static readonly string[] RequiredFields = ["kind", "id", "tenant", "run"];

    private JobFolder(string path, JobDescription description) => (Path, Description) = (path, description);

    /// <summary>Absolute.</summary>
    public string Path { get; }

    public JobDescription Description { get; }

    public string Outputs => Resolve(Description.Outputs);

    public string Checkpoints => Resolve(Description.Checkpoints);

    public string ProgressFolder => System.IO.Path.Combine(Outputs, JobProgress.Folder);

    private string ResultPath => System.IO.Path.Combine(Outputs, JobResult.FileName);

    /// <summary>Reads and checks <c>job.json</c>.</summary>
    /// <exception cref="JobException">It is missing, malformed, or asks for something impossible.</exception>
    public static JobFolder Open(string path)
    {
        path = System.IO.Path.GetFullPath(path);
        var folder = new JobFolder(path, Read(System.IO.Path.Combine(path, JobDescription.FileName)));
        folder.Validate();
        return folder;
    }

    /// <summary>The folder of a job whose description cannot be used, so that its result can still be written in the usual place.</summary>
    public static JobFolder Undescribed(string path) => new(
        System.IO.Path.GetFullPath(path), new JobDescription { Kind = JobKind.Command, Id = "", Tenant = "", Run = "" });

    /// <summary>The path of an input.</summary>
    /// <exception cref="JobException">The job has no such input.</exception>
    public string Input(string name) => Description.Inputs.TryGetValue(name, out var path)
        ? Resolve(path)
        : throw new JobException("An input is missing", $"A job of kind '{Kind}' needs the input '{name}'; name it under 'inputs' in '{JobDescription.FileName}'.");

    /// <summary>The job's parameters.</summary>
    /// <exception cref="JobException">They are not of this form.</exception>
    public T Parameters<T>()
        where T : class
    {
        try
        {
            return Description.Parameters.ValueKind == JsonValueKind.Object
                ? Description.Parameters.Deserialize<T>(Strict)!
                : throw new JobException("The parameters are missing", $"A job of kind '{Kind}' needs an object 'parameters' in '{JobDescription.FileName}'.");
        }
        catch (JsonException invalid)
        {
            throw new JobException(
                "The parameters cannot be read",
                invalid.Path is null or "$"
                    ? $"'parameters' in '{JobDescription.FileName}' lacks something that a job of kind '{Kind}' needs, or is not of its form."
                    : $"'parameters{invalid.Path.AsSpan(1)}' in '{JobDescription.FileName}' does not have the type that a job of kind '{Kind}' needs.",
                invalid);
        }
    }

    /// <summary>Makes the folders the job writes to, and forgets the result of an attempt before this one.</summary>
    public void Prepare()
    {
        Directory.CreateDirectory(ProgressFolder);
        Directory.CreateDirectory(Checkpoints);
        DeleteResult();
    }

    public void DeleteResult() => File.Delete(ResultPath);

    /// <returns>The result that the job's own program left; null where it left none.</returns>
    /// <exception cref="JobException">It left something else under that name.</exception>
    public JobResult? ReadResult()
    {
        if (!File.Exists(ResultPath))
            return null;
        try
        {
            using var file = File.OpenRead(ResultPath);
            return JsonSerializer.Deserialize<JobResult>(file, Strict) ?? throw new JsonException();
        }
        catch (JsonException invalid)
        {
            throw new JobException("The result cannot be read", $"The job wrote a '{JobResult.FileName}' that is not a job's result.", invalid);
        }
    }

    /// <summary>Writes the result, whole or not at all; nothing is written to the outputs after it.</summary>
    public void WriteResult(JobResult result) => AtomicFile.Write(ResultPath, result, JsonDefaults.Indented);

    /// <summary>All files of the outputs but progress and result, by path.</summary>
    public async Task<IReadOnlyList<JobArtifact>> DescribeArtifactsAsync(CancellationToken cancellationToken)
    {
        var artifacts = new List<JobArtifact>();
        // A link could point anywhere on the machine: what it points to is not the job's.
        var options = new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint };
        foreach (var file in Directory.EnumerateFiles(Outputs, "*", options))
        {
            var path = System.IO.Path.GetRelativePath(Outputs, file).Replace(System.IO.Path.DirectorySeparatorChar, '/');
            if (path == JobResult.FileName || path.StartsWith(JobProgress.Folder + "/", StringComparison.Ordinal) || JobFiles.IsPrivate(path))
                continue;
            await using var stream = File.OpenRead(file);
            var hash = await SHA256.HashDataAsync(stream, cancellationToken);
            artifacts.Add(new JobArtifact(path, Convert.ToHexStringLower(hash), stream.Length));
        }

        artifacts.Sort((one, other) => string.CompareOrdinal(one.Path, other.Path));
        return artifacts;
    }

    private string Kind => JsonNamingPolicy.KebabCaseLower.ConvertName(Description.Kind.ToString());

    private string Resolve(string relative) => System.IO.Path.Combine(Path, relative);

    private static JobDescription Read(string file)
    {
        byte[] content;
        try
        {
            content = File.ReadAllBytes(file);
        }
        catch (Exception missing) when (missing is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new JobException("The job has no description", $"There is no '{JobDescription.FileName}' in the job's folder.", missing);
        }

        try
        {
            using var document = JsonDocument.Parse(content);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                throw Malformed("it is not a JSON object");
            foreach (var field in RequiredFields)
            {
                if (!document.RootElement.TryGetProperty(field, out _))
                    throw Malformed($"it has no '{field}'");
            }

            return document.Deserialize<JobDescription>(Strict)!;
        }
        catch (JsonException invalid)
        {
            throw Malformed(invalid.Path is { Length: > 2 } path ? $"'{path[2..]}' has a wrong type or value" : $"it is not JSON (line {invalid.LineNumber + 1})", invalid);
        }
    }

    private void Validate()
    {
        if (Description.SchemaVersion != KnownSchemaVersion)
            throw Malformed($"its schemaVersion is {Description.SchemaVersion}, and this trainer knows {KnownSchemaVersion} only");
        foreach (var (name, value) in new[] { ("id", Description.Id), ("tenant", Description.Tenant), ("run", Description.Run) })
        {
            if (string.IsNullOrWhiteSpace(value))
                throw Malformed($"'{name}' is empty");
        }

        if (Description.Attempt < 1)
            throw Malformed("'attempt' counts from 1");
        if (Description.Limits is { Cpu: < 1 } or { MemoryMb: < 1 })
            throw Malformed("'limits' must be positive");
        RequireInside("outputs", Description.Outputs);
        RequireInside("checkpoints", Description.Checkpoints);
        foreach (var (name, path) in Description.Inputs)
        {
            RequireInside($"inputs.{name}", path);
            if (!System.IO.Path.Exists(Resolve(path)))
                throw new JobException("An input is missing", $"The input '{name}' is not at '{path}' in the job's folder.");
        }
    }

    private static void RequireInside(string field, string? path)
    {
        if (string.IsNullOrEmpty(path) || System.IO.Path.IsPathRooted(path) || path.Split('/', '\\').Any(segment => segment is "" or "." or ".."))
            throw Malformed($"'{field}' must be a path inside the job's folder");
    }

    private static JobException Malformed(string reason, Exception? inner = null) =>
        new("The job's description cannot be used", $"'{JobDescription.FileName}' cannot be used: {reason}.", inner);
}

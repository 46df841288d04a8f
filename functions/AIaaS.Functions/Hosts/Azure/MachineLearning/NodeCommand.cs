namespace AIaaS.Functions.Hosts.Azure.MachineLearning;

/// <summary>What a node runs: it unpacks the trainer, lays the mounted inputs where the job looks for them, and becomes the trainer.</summary>
internal static class NodeCommand
{
    /// <summary>The input that is the trainer's archive.</summary>
    public const string TrainerInput = "trainer";

    /// <summary>The input that is the job's folder in the store.</summary>
    public const string FolderInput = "folder";

    /// <summary>The output that is the same folder, to write.</summary>
    public const string FolderOutput = "stored";

    /// <summary>The name of the n-th of a job's own inputs; theirs may have characters that the service does not take.</summary>
    public static string InputName(int number) => $"input{number}";

    /// <param name="inputs">Where in the job's folder its inputs lie, in the order of their numbers.</param>
    public static string Of(IEnumerable<string> inputs)
    {
        var links = inputs.Select((path, number) =>
        {
            var (target, parent) = (Quote(path), Quote(path[..path.LastIndexOf('/')]));
            return $"mkdir -p \"$work/job/\"{parent} && ln -s \"${{{{inputs.{InputName(number)}}}}}\" \"$work/job/\"{target}";
        });
        string[] steps =
        [
            // Beside the working directory, which lies on the node's own disk.
            "work=$(mktemp -d \"$PWD/aiaas.XXXXXX\")",
            "mkdir -p \"$work/trainer\" \"$work/job\"",
            $"tar -xzf \"${{{{inputs.{TrainerInput}}}}}\" -C \"$work/trainer\"",
            .. links,
            // In place of the shell, so that it gets the node's signals.
            $"exec \"$work/trainer/AIaaS.Trainer\" --node \"${{{{inputs.{FolderInput}}}}}\" \"${{{{outputs.{FolderOutput}}}}}\" \"$work/job\"",
        ];
        return string.Join(" && ", steps);
    }

    private static string Quote(string text) => $"'{text.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}

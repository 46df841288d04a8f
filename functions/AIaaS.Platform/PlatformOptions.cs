using AIaaS.Platform.Messaging;
using AIaaS.Platform.Storage;
using AIaaS.Platform.Training;
using AIaaS.Serving.Batching;
using AIaaS.Serving.Models;
using Microsoft.Extensions.Configuration;

namespace AIaaS.Platform;

/// <summary>The platform's settings; each is read once, from the configuration key named with it.</summary>
public sealed record PlatformOptions
{
    /// <summary>Where everything lies that lives on this machine's disk (<c>AIAAS_HOME</c>).</summary>
    public required string Home { get; init; }

    /// <summary>Which object store (<c>AIaaS__ObjectStore</c>): <c>files</c>, or <c>blob</c> in the Azure build.</summary>
    public string ObjectStore { get; init; } = "files";

    /// <summary>Which message queue (<c>AIaaS__MessageQueue</c>): <c>files</c>, or <c>service-bus</c> in the Azure build.</summary>
    public string MessageQueue { get; init; } = "files";

    /// <summary>Which training cluster (<c>AIaaS__TrainingCluster</c>): <c>process</c>, or <c>azure-ml</c> in the Azure build.</summary>
    public string TrainingCluster { get; init; } = "process";

    /// <summary>How long one training job may take (<c>AIaaS__TrainingTimeout</c>).</summary>
    public TimeSpan TrainingTimeout { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Bytes of source files, also unpacked, up to which a data set is prepared inside a function, and above which by a job (<c>AIaaS__PrepareInFunctionMaxBytes</c>).</summary>
    public long PrepareInFunctionMaxBytes { get; init; } = 200_000_000;

    /// <summary>Memory that the data engine may take when it prepares inside a function, in bytes; beyond it spills to the disk (<c>AIaaS__PrepareMemoryBytes</c>).</summary>
    public long PrepareMemoryBytes { get; init; } = 1L << 30;

    /// <summary>Disk that copies of stored data may take for queries, in bytes (<c>AIaaS__DataCacheBytes</c>).</summary>
    public long DataCacheBytes { get; init; } = 512L << 20;

    /// <summary>Downloads as CSV under way at the same time; more are refused (<c>AIaaS__MaxConcurrentDownloads</c>).</summary>
    public int MaxConcurrentDownloads { get; init; } = 4;

    /// <summary>Those of one tenant; more are refused (<c>AIaaS__MaxConcurrentDownloadsPerTenant</c>).</summary>
    public int MaxConcurrentDownloadsPerTenant { get; init; } = 2;

    /// <summary>Memory that loaded models may take together, in bytes (<c>AIaaS__ModelMemoryBytes</c>).</summary>
    public long ModelMemoryBytes { get; init; } = 512L << 20;

    /// <summary>
    /// Disk that model files and their optimized graphs may take in <c>HOME/cache/models</c>, in bytes; 0 keeps none
    /// (<c>AIaaS__ModelCacheBytes</c>).
    /// </summary>
    public long ModelCacheBytes { get; init; } = 256L << 20;

    /// <summary>Predictions under way at the same time; more are refused (<c>AIaaS__MaxConcurrentPredictions</c>).</summary>
    public int MaxConcurrentPredictions { get; init; } = 512;

    /// <summary>
    /// Memory of the process above which predictions are refused, in bytes; 0 for nine tenths of what the machine or container
    /// has (<c>AIaaS__MemoryLimitBytes</c>).
    /// </summary>
    public long MemoryLimitBytes { get; init; }

    /// <summary>Memory for the answers of endpoints that repeat them, in bytes (<c>AIaaS__ResponseCacheBytes</c>).</summary>
    public long ResponseCacheBytes { get; init; } = 32L << 20;

    /// <summary>How requests for one model take turns (<c>AIaaS__Batching__Mode</c>, <c>__MaxRows</c>, <c>__Turn</c>, …).</summary>
    public BatchingOptions Batching { get; init; } = new();

    /// <summary>Where the trainer program lies (<c>AIaaS__TrainerPath</c>); null for <c>trainer/</c> beside this program.</summary>
    public string? TrainerPath { get; init; }

    internal FileObjectStoreOptions ObjectFiles => new() { Root = StorageFolderOf(Home) };

    internal FileMessageQueueOptions MessageFiles => new() { Root = Path.Combine(Home, "queues") };

    internal ModelDiskCacheOptions ModelCache => new() { Folder = Path.Combine(Home, "cache", "models"), MaxBytes = ModelCacheBytes };

    internal ProcessTrainingClusterOptions Processes => new() { Root = Path.Combine(Home, "jobs"), TrainerPath = TrainerPath };

    /// <summary>The folder of the file object store in a home.</summary>
    public static string StorageFolderOf(string home) => Path.Combine(home, "storage");

    /// <summary>The folder of what only work under way needs in a home.</summary>
    public static string WorkFolderOf(string home) => Path.Combine(home, "work");

    /// <summary>Reads the settings.</summary>
    /// <param name="configuration">With environment variables in it.</param>
    /// <param name="home">What <c>AIAAS_HOME</c> or the command line says.</param>
    /// <exception cref="InvalidOperationException">A setting is not acceptable.</exception>
    public static PlatformOptions FromConfiguration(IConfiguration configuration, string home)
    {
        var defaults = new PlatformOptions { Home = home };
        var settings = configuration.GetSection("AIaaS");
        return defaults with
        {
            ObjectStore = settings[nameof(ObjectStore)] ?? defaults.ObjectStore,
            MessageQueue = settings[nameof(MessageQueue)] ?? defaults.MessageQueue,
            TrainingCluster = settings[nameof(TrainingCluster)] ?? defaults.TrainingCluster,
            TrainingTimeout = settings.GetValue<TimeSpan?>(nameof(TrainingTimeout)) ?? defaults.TrainingTimeout,
            PrepareInFunctionMaxBytes = settings.GetValue<long?>(nameof(PrepareInFunctionMaxBytes)) ?? defaults.PrepareInFunctionMaxBytes,
            PrepareMemoryBytes = settings.GetValue<long?>(nameof(PrepareMemoryBytes)) ?? defaults.PrepareMemoryBytes,
            DataCacheBytes = settings.GetValue<long?>(nameof(DataCacheBytes)) ?? defaults.DataCacheBytes,
            MaxConcurrentDownloads = Positive(settings, nameof(MaxConcurrentDownloads)) ?? defaults.MaxConcurrentDownloads,
            MaxConcurrentDownloadsPerTenant = Positive(settings, nameof(MaxConcurrentDownloadsPerTenant)) ?? defaults.MaxConcurrentDownloadsPerTenant,
            ModelMemoryBytes = settings.GetValue<long?>(nameof(ModelMemoryBytes)) ?? defaults.ModelMemoryBytes,
            ModelCacheBytes = settings.GetValue<long?>(nameof(ModelCacheBytes)) ?? defaults.ModelCacheBytes,
            MaxConcurrentPredictions = Positive(settings, nameof(MaxConcurrentPredictions)) ?? defaults.MaxConcurrentPredictions,
            MemoryLimitBytes = settings.GetValue<long?>(nameof(MemoryLimitBytes)) ?? defaults.MemoryLimitBytes,
            ResponseCacheBytes = settings.GetValue<long?>(nameof(ResponseCacheBytes)) ?? defaults.ResponseCacheBytes,
            Batching = ReadBatching(settings.GetSection(nameof(Batching)), defaults.Batching),
            TrainerPath = settings[nameof(TrainerPath)] ?? defaults.TrainerPath,
        };
    }

    /// <summary>Where copies of stored data lie.</summary>
    internal string CacheFolder => Path.Combine(WorkFolderOf(Home), "cache");

    private static BatchingOptions ReadBatching(IConfigurationSection settings, BatchingOptions defaults) => defaults with
    {
        Mode = settings.GetValue<BatchingMode?>(nameof(BatchingOptions.Mode)) ?? defaults.Mode,
        MaxRows = Positive(settings, nameof(BatchingOptions.MaxRows)) ?? defaults.MaxRows,
        Turn = settings.GetValue<TimeSpan?>(nameof(BatchingOptions.Turn)) ?? defaults.Turn,
        ShortRun = settings.GetValue<TimeSpan?>(nameof(BatchingOptions.ShortRun)) ?? defaults.ShortRun,
        MaxWaiting = Positive(settings, nameof(BatchingOptions.MaxWaiting)) ?? defaults.MaxWaiting,
        MaxWait = settings.GetValue<TimeSpan?>(nameof(BatchingOptions.MaxWait)) ?? defaults.MaxWait,
        Lanes = Positive(settings, nameof(BatchingOptions.Lanes)) ?? defaults.Lanes,
    };

    private static int? Positive(IConfigurationSection settings, string name) => settings.GetValue<int?>(name) switch
    {
        < 1 => throw new InvalidOperationException($"{settings.Path.Replace(":", "__", StringComparison.Ordinal)}__{name} must be 1 or more."),
        var value => value,
    };

    /// <summary>A folder for one piece of work, gone once it is disposed.</summary>
    internal WorkFolder NewWorkFolder() => new(Path.Combine(WorkFolderOf(Home), Guid.NewGuid().ToString("N")));
}

/// <summary>A folder that is removed with all that lies in it.</summary>
internal sealed class WorkFolder : IDisposable
{
    public WorkFolder(string path)
    {
        Path = path;
        Directory.CreateDirectory(path);
    }

    public string Path { get; }

    public void Dispose()
    {
        if (Directory.Exists(Path))
        {
            Directory.Delete(Path, recursive: true);
        }
    }
}

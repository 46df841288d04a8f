using System.Text;
using AIaaS.Data.Preparation;
using AIaaS.Formats;
using AIaaS.Platform.Datasets;
using AIaaS.Platform.Pipelines;
using AIaaS.Platform.Runs;
using AIaaS.Platform.Security;
using AIaaS.Platform.Storage;
using AIaaS.Platform.Tests.Runs;
using AIaaS.Platform.Training;
using Moq;
using static AIaaS.Platform.Tests.Runs.RunWorld;

namespace AIaaS.Platform.Tests.Datasets;

/// <summary>Data sets that were prepared as a run does it, and those who read them.</summary>
internal sealed class PreparedWorld : IDisposable
{
    public const int MaxDownloads = 4;

    private readonly TemporaryFolder _home = new();
    private readonly LocalFileCache _cache;
    private readonly PreparationTurns _turns;
    private readonly VersionPreparation _preparation;
    private int _runs;

    public PreparedWorld()
    {
        var options = new PlatformOptions { Home = _home.Path, MaxConcurrentDownloads = MaxDownloads, MaxConcurrentDownloadsPerTenant = MaxDownloads };
        _cache = new LocalFileCache(_home["cache"], options.DataCacheBytes, Runs.Store);
        _turns = new PreparationTurns(Runs.Time);
        _preparation = new VersionPreparation(
            Runs.Catalog, Runs.Store, new Mock<ITrainingCluster>().Object, Runs.Runs, Runs.Contracts, Runs.Housekeeping, new TenantSalts(Runs.Catalog), _cache, _turns, options, Runs.Time);
        Downloads = new DownloadAdmission(options, Runs.Time);
        Reader = new DatasetReader(Runs.Datasets, _cache, Downloads);
        Quarantine = new QuarantineReader(Runs.Datasets, Runs.Runs, Runs.Store, _cache, Downloads, options);
    }

    public RunWorld Runs { get; } = new();

    public DownloadAdmission Downloads { get; }

    public DatasetReader Reader { get; }

    public QuarantineReader Quarantine { get; }

    /// <summary>Uploads a file and makes a version of all there is.</summary>
    public Task<DatasetVersion> AddAsync(string file, string text, bool append = false) => AddAsync(file, Encoding.UTF8.GetBytes(text), append);

    /// <inheritdoc cref="AddAsync(string, string, bool)"/>
    public async Task<DatasetVersion> AddAsync(string file, byte[] bytes, bool append = false)
    {
        await Runs.Datasets.UploadAsync(Tenant, "table", file, new MemoryStream(bytes), append, default, default);
        var ticket = await Runs.StartAsync($"run-{++_runs}", pipeline: null, dataset: "table");
        var plan = await _preparation.PlanAsync(Reference(ticket.Run.Id), ticket.Run, default);
        var version = (await _preparation.PrepareAsync(Reference(ticket.Run.Id), ticket.Run, plan, default))!;
        await Runs.Catalog.UpdateAsync(Dataset.Kind, Tenant, "table", known => known with { Version = version.Version }, default);
        await Runs.EndAsync(ticket.Run.Id);
        return version;
    }

    public void Dispose()
    {
        Reader.Dispose();
        _cache.Dispose();
        _turns.Dispose();
        Runs.Dispose();
        _home.Dispose();
    }
}

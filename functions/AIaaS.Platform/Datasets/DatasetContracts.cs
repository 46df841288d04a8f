using System.Globalization;
using AIaaS.Formats;
using AIaaS.Platform.Documents;
using AIaaS.Platform.Pipelines;
using AIaaS.Platform.Problems;

namespace AIaaS.Platform.Datasets;

/// <summary>A data set's contract as the catalog keeps it.</summary>
public sealed record StoredContract
{
    public int SchemaVersion { get; init; } = 1;

    public required DateTimeOffset Created { get; init; }

    public required DateTimeOffset Updated { get; init; }

    /// <summary>Counts its changes, from 1.</summary>
    public required int Revision { get; init; }

    /// <summary>The version it was learned from; null where somebody wrote it.</summary>
    public int? LearnedFrom { get; init; }

    public required DataContract Contract { get; init; }

    internal static DocumentKind<StoredContract> Kind { get; } = new("dataset-contracts", "contract of the data set", contract => new Dictionary<string, string>
    {
        [DocumentHeader.CreatedKey] = DocumentHeader.FormatCreated(contract.Created),
    });
}

/// <summary>Keeps what data sets promise: learned from their first version, and edited by their owners.</summary>
public sealed class DatasetContracts(Catalog catalog, TimeProvider time)
{
    /// <exception cref="ProblemException">There is none.</exception>
    public async Task<Document<StoredContract>> GetAsync(string tenant, string dataset, CancellationToken cancellationToken)
        => await FindAsync(tenant, dataset, cancellationToken)
            ?? throw new ProblemException(Problem.NotFound, $"The data set '{dataset}' has no contract. Its first version makes one, or put one here.");

    /// <summary>Writes the contract that the next version is held against; there need be no data yet.</summary>
    /// <exception cref="ProblemException">A value is out of bounds, or a condition does not hold.</exception>
    public async Task<Written<StoredContract>> PutAsync(
        string tenant, string dataset, DataContract contract, WriteConditions conditions, CancellationToken cancellationToken)
    {
        DataRules.Validate(contract);
        var now = time.GetUtcNow();
        return await catalog.PutAsync(
            StoredContract.Kind,
            tenant,
            await NameOfAsync(tenant, dataset, cancellationToken),
            current => new StoredContract { Created = current?.Created ?? now, Updated = now, Revision = (current?.Revision ?? 0) + 1, Contract = contract },
            conditions,
            cancellationToken);
    }

    /// <summary>Removes the contract, so that the next version makes a new one.</summary>
    /// <exception cref="ProblemException">There is none, or it has another ETag than <paramref name="ifMatch"/>.</exception>
    public async Task DeleteAsync(string tenant, string dataset, string? ifMatch, CancellationToken cancellationToken)
    {
        var contract = await GetAsync(tenant, dataset, cancellationToken);
        await catalog.DeleteAsync(StoredContract.Kind, tenant, contract.Name, ifMatch, cancellationToken);
    }

    /// <returns>Null where there is none.</returns>
    internal async Task<Document<StoredContract>?> FindAsync(string tenant, string dataset, CancellationToken cancellationToken)
        => await catalog.FindAsync(StoredContract.Kind, tenant, await NameOfAsync(tenant, dataset, cancellationToken), cancellationToken);

    /// <summary>Keeps what a version promised by itself, where nobody has said anything else and the version was not deleted. Safe to repeat.</summary>
    internal async Task LearnAsync(string tenant, string dataset, int version, DataContract contract, CancellationToken cancellationToken)
    {
        var removedThrough = await RemovedThroughAsync(tenant, dataset, cancellationToken);
        if (version <= removedThrough)
        {
            return;
        }

        var now = time.GetUtcNow();
        var learned = new StoredContract { Created = now, Updated = now, Revision = 1, LearnedFrom = version, Contract = contract };
        await catalog.TryCreateAsync(StoredContract.Kind, tenant, NameOf(dataset, removedThrough), learned, cancellationToken);
    }

    /// <summary>Removes contracts of data sets that had the name before. Safe to repeat.</summary>
    internal async Task ForgetAsync(string tenant, Dataset dataset, CancellationToken cancellationToken)
    {
        var kept = NameOf(dataset.Name, dataset.RemovedThrough);
        foreach (var header in await catalog.ListHeadersAsync(StoredContract.Kind, tenant, $"{dataset.Name}/", cancellationToken))
        {
            if (string.CompareOrdinal(header.Name, kept) < 0)
            {
                await catalog.DeleteAsync(StoredContract.Kind, tenant, header.Name, ifMatch: null, cancellationToken);
            }
        }
    }

    // A data set that is made again under the name of a deleted one has not its contract.
    private async Task<string> NameOfAsync(string tenant, string dataset, CancellationToken cancellationToken)
        => NameOf(dataset, await RemovedThroughAsync(tenant, dataset, cancellationToken));

    private async Task<int> RemovedThroughAsync(string tenant, string dataset, CancellationToken cancellationToken)
        => (await catalog.FindAnyAsync(Dataset.Kind, tenant, dataset, cancellationToken))?.Value.RemovedThrough ?? 0;

    private static string NameOf(string dataset, int removedThrough) => $"{dataset}/{removedThrough.ToString("D8", CultureInfo.InvariantCulture)}";
}

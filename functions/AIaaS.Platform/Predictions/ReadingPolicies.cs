using AIaaS.Platform.Endpoints;
using AIaaS.Serving.Predictions;

namespace AIaaS.Platform.Predictions;

/// <summary>How an endpoint's settings read in the terms of the model server.</summary>
internal static class ReadingPolicies
{
    public static UnknownFeaturePolicy ToPolicy(this UnknownFeatures setting)
        => setting is UnknownFeatures.Ignore ? UnknownFeaturePolicy.Ignore : UnknownFeaturePolicy.Refuse;

    public static NonFinitePolicy ToPolicy(this NonFinite setting)
        => setting is NonFinite.Missing ? NonFinitePolicy.Missing : NonFinitePolicy.Refuse;
}

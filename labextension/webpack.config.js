// The default ids of modules follow from where this folder lies; what is built must not.
module.exports = { optimization: { moduleIds: 'natural' } };
